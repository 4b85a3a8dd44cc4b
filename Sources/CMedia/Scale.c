#include "Internal.h"

struct media_scaler {
  int width, height, format;
  struct SwsContext *context;
  int source_width, source_height, source_format, source_range, source_space;
  uint8_t *pixels;
  int row_bytes;
};

media_scaler *media_scaler_create(int width, int height, int format) {
  media_capture_log();
  media_scaler *scaler = av_mallocz(sizeof *scaler);
  if (!scaler) return NULL;
  scaler->width = width;
  scaler->height = height;
  scaler->format = format;
  // swscale's vector code may write past a row's end: aligned rows, and room after the last.
  scaler->row_bytes = FFALIGN(width * (format == MEDIA_RGB24 ? 3 : 1), 64) + 64;
  scaler->pixels = av_mallocz((size_t)scaler->row_bytes * (height + 1));
  if (!scaler->pixels) {
    av_free(scaler);
    return NULL;
  }
  return scaler;
}

void media_scaler_free(media_scaler *scaler) {
  if (!scaler) return;
  sws_freeContext(scaler->context);
  av_free(scaler->pixels);
  av_free(scaler);
}

/// The formats named "J" are the plain ones with full range.
static int plain_format(int format, int *full_range) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: *full_range = 1; return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ411P: *full_range = 1; return AV_PIX_FMT_YUV411P;
    case AV_PIX_FMT_YUVJ422P: *full_range = 1; return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ440P: *full_range = 1; return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ444P: *full_range = 1; return AV_PIX_FMT_YUV444P;
    default: return format;
  }
}

static int colour_space(const AVFrame *frame) {
  switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
    case AVCOL_SPC_SMPTE240M:
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      return frame->colorspace;
    default:
      // What players assume of unmarked files.
      return frame->height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
  }
}

/// The lines of a frame that are one picture: all of them, or those of one field.
typedef struct {
  const uint8_t *planes[4];
  int strides[4];
  int height;
} lines;

/// Of an interlaced frame the field that is shown first, whose time is the frame's. Two fields are two
/// moments: together, everything that moves has combs for edges; blended, it is seen twice. The second
/// field is left out, for 25 moments a second are enough, and all clips have theirs evenly spaced so.
static lines picture_lines(const AVFrame *frame) {
  lines result = {.height = frame->height};
  for (int i = 0; i < 4; i++) {
    result.planes[i] = frame->data[i];
    result.strides[i] = frame->linesize[i];
  }
#if MEDIA_FRAME_FLAGS
  int is_interlaced = (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
  int is_top_first = (frame->flags & AV_FRAME_FLAG_TOP_FIELD_FIRST) != 0;
#else
  int is_interlaced = frame->interlaced_frame, is_top_first = frame->top_field_first;
#endif
  const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
  // Colour at half the lines has fields of its own, so both must halve evenly. A palette is no plane.
  if (!is_interlaced || frame->height % 4 != 0 || !format || (format->flags & AV_PIX_FMT_FLAG_PAL))
    return result;
  for (int i = 0; i < 4; i++) {
    if (!result.planes[i]) continue;
    if (!is_top_first) result.planes[i] += result.strides[i];
    result.strides[i] *= 2;
  }
  result.height /= 2;
  return result;
}

static int prepare(media_scaler *scaler, const AVFrame *frame, int height) {
  int range = frame->color_range == AVCOL_RANGE_JPEG;
  int format = plain_format(frame->format, &range);
  int space = colour_space(frame);
  if (
    scaler->context && scaler->source_width == frame->width
    && scaler->source_height == height && scaler->source_format == format
    && scaler->source_range == range && scaler->source_space == space)
    return 0;
  sws_freeContext(scaler->context);
  scaler->context = NULL;
  if (!sws_isSupportedInput(format)) return AVERROR(ENOSYS);
  struct SwsContext *context = sws_alloc_context();
  if (!context) return AVERROR(ENOMEM);
  int smaller = scaler->width < frame->width || scaler->height < height;
  av_opt_set_int(context, "srcw", frame->width, 0);
  av_opt_set_int(context, "srch", height, 0);
  av_opt_set_int(context, "src_format", format, 0);
  av_opt_set_int(context, "src_range", range, 0);
  av_opt_set_int(context, "dstw", scaler->width, 0);
  av_opt_set_int(context, "dsth", scaler->height, 0);
  av_opt_set_int(
    context, "dst_format", scaler->format == MEDIA_RGB24 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8, 0);
  av_opt_set_int(context, "dst_range", 1, 0);
  // The same pixels on every machine, whatever vector unit it has.
  av_opt_set_int(
    context, "sws_flags",
    (smaller ? SWS_AREA : SWS_BILINEAR) | SWS_ACCURATE_RND | SWS_BITEXACT, 0);
  int error = sws_init_context(context, NULL, NULL);
  if (error < 0) {
    sws_freeContext(context);
    return error;
  }
  const int *table = sws_getCoefficients(space);
  // Fails for conversions that have no such tables (grey to grey), where nothing is to be set.
  sws_setColorspaceDetails(context, table, range, table, 1, 0, 1 << 16, 1 << 16);
  scaler->context = context;
  scaler->source_width = frame->width;
  scaler->source_height = height;
  scaler->source_format = format;
  scaler->source_range = range;
  scaler->source_space = space;
  return 0;
}

int media_scale(
  media_scaler *scaler, const media_frame *opaque, const uint8_t **pixels, int *row_bytes) {
  const AVFrame *frame = (const AVFrame *)opaque;
  lines source = picture_lines(frame);
  int error = prepare(scaler, frame, source.height);
  if (error < 0) return error;
  uint8_t *planes[4] = {scaler->pixels};
  int strides[4] = {scaler->row_bytes};
  int rows = sws_scale(
    scaler->context, source.planes, source.strides, 0, source.height, planes, strides);
  if (rows < 0) return rows;
  media_tone_map(
    scaler->pixels, scaler->row_bytes, scaler->width, scaler->height, scaler->format, frame);
  *pixels = scaler->pixels;
  *row_bytes = scaler->row_bytes;
  return 0;
}
