#pragma once

#include "Internal.h"

/// A mux under way.
typedef struct {
  const media_mux_request *request;
  media_mux_result *result;

  AVFormatContext *input;
  AVFormatContext *output;
  AVPacket *packet;
  /// Output stream of each input stream, or -1.
  int *mapping;
  int may_jump;
  /// Added to input times, in the video stream's time base.
  int64_t shift;
  /// Where the sound starts, in samples on the output clock.
  int64_t audio_start;
  int64_t last_input_time;
  int64_t *last_output_time;

  AVCodecContext *encoder;
  AVStream *audio;
  AVFrame *frame;
  AVPacket *audio_packet;
  float *samples;
  int frame_size;
  int64_t next_sample;
  int audio_ended;
} muxer;

/// Notes where the mux failed, the first time; returns `error`.
int mux_fail(muxer *m, int stage, int error, const char *detail);
int mux_is_matroska(const muxer *m);
/// Samples at 48 kHz by which Opus must be given late: Matroska's header tells its delay and readers subtract it, but
/// older muxers do not add it.
int mux_opus_delay(const muxer *m, enum AVCodecID codec, int padding);
int mux_write_packet(muxer *m, AVPacket *packet);

/// Opens the encoder and its stream of the output.
int mux_open_audio(muxer *m);
/// Encodes and writes the next stretch of sound; sets `audio_ended` after the last.
int mux_advance_audio(muxer *m);
