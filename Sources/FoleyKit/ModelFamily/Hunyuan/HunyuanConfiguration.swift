import Networks
import Sampling

/// `config.yaml` of a published HunyuanVideo-Foley model: sizes of its transformer, and how it is sampled.
///
/// Every key that changes what is computed is read. Where the program knows one value only, another one is
/// an error rather than a sound that is wrong.
struct HunyuanConfiguration: Sendable {
  /// Such as `HunyuanVideo-Foley-XL`.
  let name: String
  /// What the weights are meant to be kept as.
  let precision: Precision
  let transformer: TransformerConfiguration
  let solver: Solver
  let shift: Float
  /// Keys this program has never heard of.
  let unknownKeys: [String]

  init(file: String) throws(FoleyError) {
    let top = try YAMLSection(file: file)
    let model = try top.section("model_config")
    name = try model.text("model_name")
    try model.require("model_type", "1d")
    switch try model.text("model_precision") {
    case "bf16": precision = .bf16
    case "fp32": precision = .f32
    default: throw try model.unusable("model_precision", expected: "bf16 or fp32")
    }
    transformer = try HunyuanConfiguration.transformer(try model.section("model_kwargs"))
    (solver, shift) = try HunyuanConfiguration.flow(try top.section("diffusion_config"))
    unknownKeys = top.unreadKeys
  }

  private static func transformer(_ section: YAMLSection) throws(FoleyError)
    -> TransformerConfiguration
  {
    func size(_ key: String, atMost limit: Int) throws(FoleyError) -> Int {
      let value = try section.integer(key)
      guard (1...limit).contains(value) else {
        throw try section.unusable(key, expected: "1 to \(limit)")
      }
      return value
    }
    // Limits that only nonsense exceeds: products of them must not overflow.
    let configuration = TransformerConfiguration(
      width: try size("hidden_size", atMost: 1 << 16),
      heads: try size("num_heads", atMost: 1 << 10),
      tripleBlocks: try size("depth_triple_blocks", atMost: 1 << 10),
      singleBlocks: try size("depth_single_blocks", atMost: 1 << 10),
      latentChannels: try size("audio_vae_latent_dim", atMost: 1 << 16),
      textWidth: try size("condition_dim", atMost: 1 << 16),
      visualWidth: try size("clip_dim", atMost: 1 << 16),
      syncWidth: try size("sync_feat_dim", atMost: 1 << 16))
    guard configuration.width % configuration.heads == 0, configuration.headWidth % 2 == 0 else {
      throw try section.unusable(
        "num_heads",
        expected: "a divisor of hidden_size \(configuration.width) that leaves heads of an even "
          + "number of channels")
    }

    try section.require("mlp_ratio", 4)
    try section.require("mlp_act_type", "gelu_tanh")
    try section.require("qkv_bias", true)
    try section.require("qk_norm", true)
    try section.require("qk_norm_type", "rms")
    try section.require("embedder_type", "default")
    try section.require("interleaved_audio_visual_rope", true)
    try section.require("enable_learnable_empty_visual_feat", true)
    try section.require("sync_modulation", false)
    try section.require("add_sync_feat_to_audio", true)
    try section.require("cross_attention", true)
    try section.require("use_attention_mask", false)
    try section.require("condition_projection", "linear")
    try section.require("patch_size", 1)
    try section.requireNull("rope_dim_list")
    try section.require("rope_theta", 10_000)
    try section.require("audio_frame_rate", Clock.latentRate)
    try section.require("text_length", CLAPPrompts.longestFeatures)
    // Features of eight seconds.
    try section.require("clip_length", WindowPlan.length * HunyuanDescription.visualRate)
    try section.require(
      "sync_length", SyncSegments(frames: WindowPlan.length * Clock.syncRate).tokens)
    // How the reference implementation computes attention, and what its training has added.
    section.ignore(
      "attn_mode", "depth_triple_ssl_encoder", "depth_single_ssl_encoder", "use_repa_with_audiossl")
    return configuration
  }

  private static func flow(_ section: YAMLSection) throws(FoleyError) -> (Solver, shift: Float) {
    try section.require("denoise_type", "flow")
    try section.require("flow_path_type", "linear")
    try section.require("flow_predict_type", "velocity")
    try section.require("flow_reverse", true)
    try section.require("sample_use_flux_shift", false)
    // Of the other kind of shift.
    section.ignore("flux_base_shift", "flux_max_shift")
    let solver: Solver
    switch try section.text("flow_solver") {
    case "euler": solver = .euler
    case "heun-2": solver = .heun
    case "midpoint-2": solver = .midpoint
    default: throw try section.unusable("flow_solver", expected: "euler, heun-2 or midpoint-2")
    }
    let shift = try section.number("sample_flow_shift")
    guard shift > 0, shift < 1000 else {
      throw try section.unusable("sample_flow_shift", expected: "a positive number")
    }
    return (solver, Float(shift))
  }
}
