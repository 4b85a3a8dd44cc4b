import Checkpoints
import FoleyKit
import Media
import Sampling
import Tensors

extension ParityCheck {
  /// What was asked of the reference implementation.
  private struct PublishedRun: Decodable {
    let prompt: String
    let negativePrompt: String
    let numInferenceSteps: Int
    let guidanceScale: Float
  }

  /// A whole model folder as published, from frames and prompts to sound, by the same code as the program's:
  /// only the frames themselves and the noise are the recorded ones.
  func publishedModel(_ fixture: Fixture) throws -> [Comparison] {
    let asked = try fixture.configuration(PublishedRun.self)
    let description = try ModelFamilies.describe(try ModelFolder.find(fixture.folder.path))
    let model = try description.load(ModelResources(backend: backend, threads: 1))
    let recording = try fixture.recording()
    let noise = try recording.input("noise", on: backend).transposed()
    let window = try publishedWindow(recording, description, latents: noise.shape[1])

    let text = try model.text(prompt: asked.prompt, negative: asked.negativePrompt)
    let visual = try model.visual(window) { _, _ in }
    let sync = try model.sync(window) { _, _ in }
    let sampler = Sampler(
      solver: description.sampling.solver,
      schedule: try SigmaSchedule(
        steps: asked.numInferenceSteps, shift: description.sampling.shift))
    let conditions = WindowConditions(
      text: text, visual: visual, sync: sync, latents: window.latents.count)
    let latents = try sampler(
      noise, model: model.velocity(conditions, guidance: asked.guidanceScale))
    var decoder = try model.decoder(seed: 0, aligns: false)
    let samples = try decoder.decode(latents.floats()) + decoder.finish()

    var computed = [
      "latents": latents.transposed(), "audio": backend.tensor(samples, [1, 1, samples.count]),
    ]
    computed["siglip2_feat"] = visual
    computed["syncformer_feat"] = sync
    if let negative = text.negative, let prompt = text.prompt {
      let pair = concatenatedRows([negative.view, prompt.view])
      computed["text_feat_pair"] = pair.reshaped(prompt.shape.replacing(axis: 0, with: 2))
    }
    return try compare(fixture, computed)
  }

  /// The recorded frames as the encoders want them. Those for the visual encoder are the reference's choice,
  /// which its running clock makes differ from the exact one.
  private func publishedWindow(
    _ recording: Recording, _ description: any ModelDescription, latents: Int
  ) throws -> WindowMaterial {
    let stored = try recording.file.tensor("frames25_u8")
    let (height, width) = (stored.shape[1], stored.shape[2])
    let frames = stored.bytesOfEntries().map {
      Picture(width: width, height: height, format: .rgb24, bytes: $0)
    }
    let chosen = try recording.integers("frames8_index").values.map { frames[$0] }
    let wishes = description.pictures(prompt: "")
    return WindowMaterial(
      latents: latents,
      pictures: WindowPictures(
        visual: wishes.visual?.pictures(of: chosen), sync: wishes.sync?.pictures(of: frames)))
  }
}
