/// The rates of everything that runs in time. All of them meet at every whole second, so a window that
/// starts on a whole second starts on a whole number of each.
public enum Clock {
  public static let sampleRate = 48_000
  /// Latent frames per second.
  public static let latentRate = 50
  /// Motion features per second.
  public static let syncRate = 25
  public static let samplesPerLatent = sampleRate / latentRate

  /// Where a latent begins.
  static func seconds(of latent: Int) -> Double { Double(latent) / Double(latentRate) }

  static func seconds(_ latents: Range<Int>) -> Range<Double> {
    seconds(of: latents.lowerBound)..<seconds(of: latents.upperBound)
  }
}
