import Foundation
import TestSupport
import Testing

@testable import FoleyKit

/// The published configuration: every key that matters is read, and none is passed over in silence.
@Suite struct HunyuanConfigurationTests {
  static let text = """
    model_config:
      model_name: HunyuanVideo-Foley-XL
      model_type: 1d
      model_precision: bf16
      model_kwargs:
        depth_triple_blocks: 12
        depth_single_blocks: 24
        hidden_size: 1408
        num_heads: 11
        mlp_ratio: 4
        mlp_act_type: "gelu_tanh"
        qkv_bias: True
        qk_norm: True
        qk_norm_type: "rms"
        attn_mode: "torch"
        embedder_type: "default"
        interleaved_audio_visual_rope: True
        enable_learnable_empty_visual_feat: True
        sync_modulation: False
        add_sync_feat_to_audio: True
        cross_attention: True
        use_attention_mask: False
        condition_projection: "linear"
        sync_feat_dim: 768 # of Synchformer
        condition_dim: 768
        clip_dim: 768
        audio_vae_latent_dim: 128
        audio_frame_rate: 50
        patch_size: 1
        rope_dim_list: null
        rope_theta: 10000
        text_length: 77
        clip_length: 64
        sync_length: 192
    diffusion_config:
      denoise_type: "flow"
      flow_path_type: "linear"
      flow_predict_type: "velocity"
      flow_reverse: True
      flow_solver: "euler"
      sample_flow_shift: 1.0
      sample_use_flux_shift: False
      flux_base_shift: 0.5
      flux_max_shift: 1.15

    """

  private func read(_ text: String) throws -> HunyuanConfiguration {
    try withFolder { folder in
      let file = folder.appendingPathComponent("config.yaml")
      try Data(text.utf8).write(to: file)
      return try HunyuanConfiguration(file: file.path)
    }
  }

  /// The message for a changed text, without the file's name.
  private func message(_ text: String) throws -> String {
    let error = try #require(throws: FoleyError.self) { try read(text) }
    guard case .badModel(let path, let reason) = error else {
      Issue.record("\(error)")
      return ""
    }
    #expect(path.hasSuffix("config.yaml"))
    return reason
  }

  private func replacing(_ old: String, _ new: String) -> String {
    precondition(Self.text.contains(old))
    return Self.text.replacingOccurrences(of: old, with: new)
  }

  @Test func published() throws {
    let configuration = try read(Self.text)
    #expect(configuration.name == "HunyuanVideo-Foley-XL")
    #expect(configuration.transformer == .xl)
    #expect(configuration.precision == .bf16)
    #expect(configuration.solver == .euler && configuration.shift == 1)
    #expect(configuration.unknownKeys.isEmpty)
  }

  @Test func unknownKeysAreListed() throws {
    let text =
      replacing("    patch_size: 1", "    patch_size: 1\n    windowed: yes") + "extra:\n  - 1\n"
    #expect(
      try read(text).unknownKeys == ["extra", "model_config.model_kwargs.windowed"])
  }

  /// Each key that is read, taken away, is missed by its name.
  @Test func missingKeysAreNamed() throws {
    let ignored = [
      "attn_mode", "depth_triple_ssl_encoder", "flux_base_shift", "flux_max_shift",
    ]
    for line in Self.text.split(separator: "\n") {
      let key = line.trimmingCharacters(in: .whitespaces).split(separator: ":")[0]
      guard line.split(separator: ":").count > 1 else { continue }
      let text = Self.text.split(separator: "\n").filter { $0 != line }.joined(separator: "\n")
      if ignored.contains(String(key)) {
        _ = try read(text)
      } else {
        #expect(try message(text).hasSuffix("\(key)' is missing"), "\(key)")
      }
    }
  }

  @Test(arguments: [
    ("mlp_ratio: 4", "mlp_ratio: 3", "'model_config.model_kwargs.mlp_ratio' is '3', expected 4"),
    (
      "sync_modulation: False", "sync_modulation: True",
      "sync_modulation' is 'True', expected false"
    ),
    ("rope_dim_list: null", "rope_dim_list: [1]", "rope_dim_list' is a list, expected null"),
    ("hidden_size: 1408", "hidden_size: wide", "hidden_size' is 'wide', expected a whole number"),
    ("hidden_size: 1408", "hidden_size: -1", "hidden_size' is '-1', expected 1 to"),
    ("num_heads: 11", "num_heads: 9", "num_heads' is '9', expected a divisor"),
    ("flow_solver: \"euler\"", "flow_solver: kutta-4", "is 'kutta-4', expected euler, heun-2"),
    (
      "sample_flow_shift: 1.0", "sample_flow_shift: 0",
      "sample_flow_shift' is '0', expected a positive"
    ),
    ("sample_flow_shift: 1.0", "sample_flow_shift: .nan", "expected a number"),
    ("audio_frame_rate: 50", "audio_frame_rate: 75", "audio_frame_rate' is '75', expected 50"),
    ("model_precision: bf16", "model_precision: int4", "is 'int4', expected bf16 or fp32"),
    ("diffusion_config:", "diffusion_config: 3\nother:", "'diffusion_config' is not a mapping"),
    ("model_type: 1d", "model_type: 1d\n  model_type: 1d", "appear twice"),
    ("model_type: 1d", "model_type: [1d", "is not valid YAML: line"),
  ]) func wrongValuesAreTold(old: String, new: String, expected: String) throws {
    let message = try message(replacing(old, new))
    #expect(message.contains(expected), "\(message)")
    #expect(!message.contains("\n"), "one line")
  }

  @Test func otherFilesAreRefused() throws {
    #expect(try message("") == "is empty")
    #expect(try message("- a\n- b\n") == "the file is not a mapping of keys to values")
    #expect(try message("a: &x [*x]").hasPrefix("is not valid YAML: line"))
    #expect(
      try message(String(repeating: "# padding\n", count: 200_000))
        == "is not a configuration in YAML")
  }

  @Test func solversByTheirPublishedNames() throws {
    #expect(try read(replacing("\"euler\"", "heun-2")).solver == .heun)
    #expect(try read(replacing("\"euler\"", "midpoint-2")).solver == .midpoint)
  }
}
