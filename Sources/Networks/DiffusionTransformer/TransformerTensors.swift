import Tensors

extension TransformerConfiguration {
  /// Every tensor of a checkpoint of this configuration, as published.
  public var shapes: [String: Shape] {
    let (hidden, head) = (gatedWidth, headWidth)
    var shapes: [String: Shape] = [
      "sync_pos_emb": [1, 1, 8, syncWidth], "empty_clip_feat": [1, visualWidth],
      "empty_sync_feat": [1, syncWidth], "visual_proj.w1.weight": [width, visualWidth],
      "visual_proj.w2.weight": [width, width], "visual_proj.w3.weight": [width, visualWidth],
      "sync_in.2.w1.weight": [hidden, width, 1], "sync_in.2.w2.weight": [width, hidden, 1],
      "sync_in.2.w3.weight": [hidden, width, 1],
    ]
    func layer(_ key: String, _ shape: Shape) {
      shapes[key + ".weight"] = shape
      shapes[key + ".bias"] = [shape[0]]
    }
    layer("audio_embedder.proj", [width, latentChannels, 1])
    layer("cond_in.linear_1", [width, textWidth])
    layer("cond_in.linear_2", [width, width])
    layer("time_in.mlp.0", [width, 256])
    layer("time_in.mlp.2", [width, width])
    layer("sync_in.0", [width, syncWidth])
    for index in 0..<tripleBlocks {
      let block = "triple_blocks.\(index)."
      for (stream, attention) in [("audio", "audio_self_attn"), ("v_cond", "v_cond_attn")] {
        layer(block + stream + "_mod.linear", [9 * width, width])
        layer(block + attention + "_qkv", [3 * width, width])
        for name in ["_self_proj", "_cross_q", "_cross_proj"] {
          layer(block + stream + name, [width, width])
        }
        layer(block + stream + "_mlp.fc1", [feedForwardWidth, width])
        layer(block + stream + "_mlp.fc2", [width, feedForwardWidth])
        shapes[block + stream + "_cross_q_norm.weight"] = [head]
      }
      for norm in [
        "audio_self_q", "audio_self_k", "v_cond_attn_q", "v_cond_attn_k", "text_cross_k",
      ] {
        shapes[block + norm + "_norm.weight"] = [head]
      }
      layer(block + "text_cross_kv", [2 * width, width])
    }
    for index in 0..<singleBlocks {
      let block = "single_blocks.\(index)."
      layer(block + "modulation.linear", [6 * width, width])
      layer(block + "linear_qkv", [3 * width, width])
      layer(block + "linear1", [width, width, 3])
      for (name, shape) in [
        ("w1", [hidden, width, 3]), ("w2", [width, hidden, 3]), ("w3", [hidden, width, 3]),
      ] as [(String, Shape)] {
        shapes[block + "linear2.\(name).weight"] = shape
      }
      shapes[block + "q_norm.weight"] = [head]
      shapes[block + "k_norm.weight"] = [head]
    }
    layer("final_layer.linear", [latentChannels, width])
    layer("final_layer.adaLN_modulation.1", [2 * width, width])
    return shapes
  }
}
