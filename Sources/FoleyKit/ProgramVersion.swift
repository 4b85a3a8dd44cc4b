/// The version of foley. A journal of another version is not continued, for its sound may differ.
public enum ProgramVersion {
  public static let current = "0.2.0"
}
