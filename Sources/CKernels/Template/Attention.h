// Softmax attention of one head for a block of queries. Keys are turned to [depth][PANEL] and values laid out
// as panels of columns, so both products are those of Product.h; between them the scores of a tile of queries
// are exponentiated in the cache.

INLINE long score_stride(long keys) { return (keys + PANEL - 1) / PANEL * PANEL + LANES; }

static long attention_scratch(const FoleyAttention *a) {
  const long keys = a->keys + (a->sharedKey ? 1 : 0);
  const long keyPanels = (keys + PANEL - 1) / PANEL, panels = (a->depth + PANEL - 1) / PANEL;
  return keyPanels * PANEL * a->depth + panels * PANEL * keys
      + TILE_ROWS * (score_stride(keys) + PANEL + a->depth + LANES);
}

/// Scores to weights, without their common divisor, which is returned. One score that is not a number makes
/// the divisor none either, whatever the largest of the others is.
static float exponentiate(float *scores, long count) {
  const long whole = count / LANES * LANES;
  Vector most = splat(-INFINITY), others[3] = {most, most, most};
  long j = 0;
  for (; j + 4 * LANES <= count; j += 4 * LANES) {
    most = larger(load(scores + j), most);
    for (int i = 0; i < 3; i++)
      others[i] = larger(load(scores + j + (i + 1) * LANES), others[i]);
  }
  for (; j < whole; j += LANES) most = larger(load(scores + j), most);
  for (int i = 0; i < 3; i++) most = larger(others[i], most);
  if (whole < count) {
    Vector last = load_part(scores + whole, count - whole);
    most = larger(choose(lanes_below(count - whole), last, splat(-INFINITY)), most);
  }
  const float top = largest(most);
  Vector total = {0};
  for (j = 0; j < whole; j += LANES) {
    const Vector weight = exponential(load(scores + j) - top);
    store(scores + j, weight);
    total += weight;
  }
  if (whole < count) {
    Vector weight = exponential(load_part(scores + whole, count - whole) - top);
    weight = choose(lanes_below(count - whole), weight, (Vector){0});
    store_part(scores + whole, weight, count - whole);
    total += weight;
  }
  return sum(total);
}

static void attention(
    const FoleyAttention *a, long entry, long head, long seen, long query0, long query1,
    float *scratch) {
  const long depth = a->depth, all = seen + (a->sharedKey ? 1 : 0);
  const long keyPanels = (all + PANEL - 1) / PANEL, panels = (depth + PANEL - 1) / PANEL;
  const long stride = score_stride(all);
  float *out = a->out + entry * a->queries * a->outStride + head * depth;
  if (all == 0) {
    for (long i = query0; i < query1; i++) clear_floats(out + i * a->outStride, depth);
    return;
  }
  const float *queries = a->query + entry * a->queries * a->queryStride + head * depth;
  const float *keys = a->key + entry * a->keys * a->keyStride + head * depth;
  const float *values = a->value + entry * a->keys * a->valueStride + head * depth;
  float *packedKeys = scratch;
  float *packedValues = packedKeys + keyPanels * PANEL * depth;
  float *scores = packedValues + panels * PANEL * all;
  float *edge = scores + TILE_ROWS * stride;
  // Queries are copied because rows of packed projections often lie a power of two apart.
  float *tile = edge + TILE_ROWS * PANEL;
  const long tileStride = depth + LANES;

  for (long panel = 0; panel < keyPanels; panel++)
    for (int half = 0; half < 2; half++) {
      const long first = panel * PANEL + half * LANES, rows = minimum(LANES, seen - first);
      float *to = packedKeys + panel * PANEL * depth + half * LANES;
      if (rows > 0)
        pack_vector(
            (const char *)(keys + first * a->keyStride), FoleyF32, a->keyStride, rows, depth, &a->scale, 0,
            to);
      else
        for (long k = 0; k < depth; k++) store(to + k * PANEL, (Vector){0});
    }
  if (a->sharedKey) {
    float *to = packedKeys + seen / PANEL * PANEL * depth + seen % PANEL;
    for (long k = 0; k < depth; k++) to[k * PANEL] = a->sharedKey[head * depth + k] * a->scale;
  }
  for (long panel = 0; panel < panels; panel++) {
    const long columns = minimum(PANEL, depth - panel * PANEL);
    for (long j = 0; j < all; j++) {
      float *to = packedValues + (panel * all + j) * PANEL;
      const float *from = j < seen ? values + j * a->valueStride : a->sharedValue + head * depth;
      copy_floats(to, from + panel * PANEL, columns);
      clear_floats(to + columns, PANEL - columns);
    }
  }

  const long rows = query1 - query0, tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
  for (long t = 0; t < tiles; t++) {
    const long row = query0 + rows * t / tiles;
    const int height = (int)(query0 + rows * (t + 1) / tiles - row);
    for (int i = 0; i < height; i++)
      copy_floats(tile + i * tileStride, queries + (row + i) * a->queryStride, depth);
    for (long panel = 0; panel < keyPanels; panel++)
      tile_of_rows[height](
          depth, tile, tileStride, packedKeys + panel * PANEL * depth,
          scores + panel * PANEL, stride, 0);
    float divisors[TILE_ROWS];
    for (int i = 0; i < height; i++) divisors[i] = exponentiate(scores + i * stride, all);
    for (long panel = 0; panel < panels; panel++) {
      const long columns = minimum(PANEL, depth - panel * PANEL);
      tile_of_rows[height](
          all, scores, stride, packedValues + panel * all * PANEL, edge, PANEL, 0);
      for (int i = 0; i < height; i++) {
        const Vector factor = splat(1.0f / divisors[i]);
        float *to = out + (row + i) * a->outStride + panel * PANEL;
        for (long j = 0; j < columns; j += LANES)
          store_upto(to + j, load(edge + i * PANEL + j) * factor, columns - j);
      }
    }
  }
}
