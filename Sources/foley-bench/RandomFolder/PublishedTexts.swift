import Foundation
import Networks

/// The configuration file of a published model.
enum PublishedYAML {
  static func text(size: String, _ transformer: TransformerConfiguration) -> String {
    """
    model_config:
      model_name: HunyuanVideo-Foley-\(size)
      model_type: 1d
      model_precision: bf16
      model_kwargs:
        depth_triple_blocks: \(transformer.tripleBlocks)
        depth_single_blocks: \(transformer.singleBlocks)
        hidden_size: \(transformer.width)
        num_heads: \(transformer.heads)
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
        sync_feat_dim: \(transformer.syncWidth)
        condition_dim: \(transformer.textWidth)
        clip_dim: \(transformer.visualWidth)
        audio_vae_latent_dim: \(transformer.latentChannels)
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

    """
  }
}

/// The smallest vocabulary a byte-pair tokenizer can have: special tokens, and one for each byte.
enum ByteVocabulary {
  static var json: String {
    var ids = ["<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3]
    for byte in UInt8.min...UInt8.max { ids[String(character(of: byte))] = 4 + Int(byte) }
    ids["<mask>"] = 4 + 256
    do {
      return String(decoding: try JSONEncoder().encode(ids), as: UTF8.self)
    } catch {
      preconditionFailure("a table of words and numbers that cannot be encoded: \(error)")
    }
  }

  /// Byte-pair vocabularies write bytes as characters that can be seen: Latin-1's as they are, all others, in
  /// order, from 256 on.
  private static func character(of byte: UInt8) -> Character {
    if isVisible(byte) { return Character(UnicodeScalar(byte)) }
    let before = (0..<byte).count { !isVisible($0) }
    return Character(UnicodeScalar(UInt16(256 + before))!)
  }

  private static func isVisible(_ byte: UInt8) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
  }
}
