#include "Internal.h"

#include <string.h>

int media_encode_png(
  const uint8_t *pixels, int width, int height, int format, uint8_t **bytes, size_t *count) {
  media_capture_log();
  media_forget_log();
  const AVCodec *codec = avcodec_find_encoder(AV_CODEC_ID_PNG);
  if (!codec) return AVERROR_ENCODER_NOT_FOUND;
  AVCodecContext *encoder = avcodec_alloc_context3(codec);
  AVFrame *frame = av_frame_alloc();
  AVPacket *packet = av_packet_alloc();
  int error = AVERROR(ENOMEM);
  if (!encoder || !frame || !packet) goto done;
  frame->format = format == MEDIA_RGB24 ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_GRAY8;
  frame->width = encoder->width = width;
  frame->height = encoder->height = height;
  encoder->pix_fmt = frame->format;
  encoder->time_base = (AVRational){1, 25};
  encoder->thread_count = 1;
  encoder->flags |= AV_CODEC_FLAG_BITEXACT;
  if ((error = avcodec_open2(encoder, codec, NULL)) < 0) goto done;
  if ((error = av_frame_get_buffer(frame, 0)) < 0) goto done;
  int row = width * (format == MEDIA_RGB24 ? 3 : 1);
  av_image_copy_plane(frame->data[0], frame->linesize[0], pixels, row, row, height);
  if ((error = avcodec_send_frame(encoder, frame)) < 0) goto done;
  if ((error = avcodec_send_frame(encoder, NULL)) < 0) goto done;
  if ((error = avcodec_receive_packet(encoder, packet)) < 0) goto done;
  *bytes = av_malloc(packet->size);
  error = AVERROR(ENOMEM);
  if (!*bytes) goto done;
  memcpy(*bytes, packet->data, packet->size);
  *count = packet->size;
  error = 0;
done:
  av_packet_free(&packet);
  av_frame_free(&frame);
  avcodec_free_context(&encoder);
  return error;
}
