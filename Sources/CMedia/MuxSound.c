// The sound of a mux: from interleaved floating-point samples to the container's codec.

#include <string.h>

#include "Mux.h"

static const AVCodec *find_encoder(int audio) {
  switch (audio) {
    case MEDIA_AUDIO_AAC: return avcodec_find_encoder(AV_CODEC_ID_AAC);
    case MEDIA_AUDIO_PCM16: return avcodec_find_encoder(AV_CODEC_ID_PCM_S16LE);
    case MEDIA_AUDIO_PCM24: return avcodec_find_encoder(AV_CODEC_ID_PCM_S24LE);
    case MEDIA_AUDIO_FLAC16:
    case MEDIA_AUDIO_FLAC24: return avcodec_find_encoder(AV_CODEC_ID_FLAC);
    // FFmpeg's own encoders for these two are experiments.
    case MEDIA_AUDIO_OPUS: return avcodec_find_encoder_by_name("libopus");
    case MEDIA_AUDIO_VORBIS: return avcodec_find_encoder_by_name("libvorbis");
    default: return NULL;
  }
}

static enum AVSampleFormat sample_format(int audio) {
  switch (audio) {
    case MEDIA_AUDIO_PCM16:
    case MEDIA_AUDIO_FLAC16: return AV_SAMPLE_FMT_S16;
    case MEDIA_AUDIO_PCM24:
    case MEDIA_AUDIO_FLAC24: return AV_SAMPLE_FMT_S32;
    case MEDIA_AUDIO_OPUS: return AV_SAMPLE_FMT_FLT;
    default: return AV_SAMPLE_FMT_FLTP;
  }
}

// FFmpeg 5.1 brought channel layouts that are more than a mask.
static void set_layout(AVCodecContext *encoder, int channels) {
#if MEDIA_CHANNEL_LAYOUTS
  av_channel_layout_default(&encoder->ch_layout, channels);
#else
  encoder->channels = channels;
  encoder->channel_layout = (uint64_t)av_get_default_channel_layout(channels);
#endif
}

static int copy_layout(AVFrame *frame, const AVCodecContext *encoder) {
#if MEDIA_CHANNEL_LAYOUTS
  return av_channel_layout_copy(&frame->ch_layout, &encoder->ch_layout);
#else
  frame->channels = encoder->channels;
  frame->channel_layout = encoder->channel_layout;
  return 0;
#endif
}

int media_can_encode(int audio) { return find_encoder(audio) != NULL; }

int mux_open_audio(muxer *m) {
  const media_mux_request *request = m->request;
  const AVCodec *codec = find_encoder(request->audio);
  if (!codec) return mux_fail(m, MEDIA_MUX_ENCODER, AVERROR_ENCODER_NOT_FOUND, NULL);
  AVCodecContext *encoder = m->encoder = avcodec_alloc_context3(codec);
  if (!encoder) return AVERROR(ENOMEM);
  encoder->sample_fmt = sample_format(request->audio);
  encoder->sample_rate = request->sample_rate;
  encoder->time_base = (AVRational){1, request->sample_rate};
  set_layout(encoder, request->channels);
  if (request->audio == MEDIA_AUDIO_AAC || request->audio == MEDIA_AUDIO_OPUS
      || request->audio == MEDIA_AUDIO_VORBIS)
    encoder->bit_rate = 64000 + 96000 * (int64_t)request->channels;
  if (request->audio == MEDIA_AUDIO_FLAC24 || request->audio == MEDIA_AUDIO_PCM24)
    encoder->bits_per_raw_sample = 24;
  encoder->thread_count = 1;
  encoder->flags |= AV_CODEC_FLAG_BITEXACT;
  if (m->output->oformat->flags & AVFMT_GLOBALHEADER)
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  int error = avcodec_open2(encoder, codec, NULL);
  if (error < 0) return mux_fail(m, MEDIA_MUX_ENCODER, error, codec->name);
  m->audio = avformat_new_stream(m->output, NULL);
  m->frame = av_frame_alloc();
  m->audio_packet = av_packet_alloc();
  m->frame_size = encoder->frame_size > 0 ? encoder->frame_size : 1024;
  m->samples = av_malloc_array((size_t)m->frame_size * request->channels, sizeof *m->samples);
  if (!m->audio || !m->frame || !m->audio_packet || !m->samples) return AVERROR(ENOMEM);
  m->audio->time_base = encoder->time_base;
  m->audio->disposition = AV_DISPOSITION_DEFAULT;
  return avcodec_parameters_from_context(m->audio->codecpar, encoder);
}

static int32_t rounded(float sample, double scale) {
  double value = sample * scale;
  if (!(value > -scale)) return (int32_t)-scale;  // also NaN
  if (value > scale - 1) return (int32_t)(scale - 1);
  return (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/// Fills the frame from interleaved samples in the encoder's own form.
static int fill_frame(muxer *m, int count) {
  AVFrame *frame = m->frame;
  av_frame_unref(frame);
  frame->format = m->encoder->sample_fmt;
  frame->sample_rate = m->encoder->sample_rate;
  frame->nb_samples = count;
  int error = copy_layout(frame, m->encoder);
  if (error < 0 || (error = av_frame_get_buffer(frame, 0)) < 0) return error;
  int channels = m->request->channels, total = count * channels;
  switch (frame->format) {
    case AV_SAMPLE_FMT_S16:
      for (int i = 0; i < total; i++)
        ((int16_t *)frame->data[0])[i] = (int16_t)rounded(m->samples[i], 32768);
      break;
    case AV_SAMPLE_FMT_S32:
      for (int i = 0; i < total; i++)
        ((int32_t *)frame->data[0])[i] = rounded(m->samples[i], 8388608) * 256;
      break;
    case AV_SAMPLE_FMT_FLT:
      memcpy(frame->data[0], m->samples, total * sizeof(float));
      break;
    default:
      for (int channel = 0; channel < channels; channel++)
        for (int i = 0; i < count; i++)
          ((float *)frame->extended_data[channel])[i] = m->samples[i * channels + channel];
  }
  frame->pts = m->audio_start + m->next_sample;
  return 0;
}

static int write_encoded(muxer *m) {
  for (;;) {
    int error = avcodec_receive_packet(m->encoder, m->audio_packet);
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return 0;
    if (error < 0) return mux_fail(m, MEDIA_MUX_ENCODER, error, NULL);
    m->audio_packet->stream_index = m->audio->index;
    int delay = mux_opus_delay(m, m->encoder->codec_id, m->encoder->initial_padding);
    m->audio_packet->pts += delay;
    m->audio_packet->dts += delay;
    av_packet_rescale_ts(m->audio_packet, m->encoder->time_base, m->audio->time_base);
    if ((error = mux_write_packet(m, m->audio_packet)) < 0) return error;
  }
}

int mux_advance_audio(muxer *m) {
  int channels = m->request->channels, count = 0;
  while (count < m->frame_size) {
    int got = m->request->read(
      m->request->context, m->samples + count * channels, m->frame_size - count);
    if (got < 0) return mux_fail(m, MEDIA_MUX_AUDIO, AVERROR(EIO), NULL);
    if (got == 0) break;
    count += got;
  }
  int error = 0;
  if (count > 0) {
    int given = count;
    if (
      count < m->frame_size && m->encoder->frame_size > 0
      && !(m->encoder->codec->capabilities & AV_CODEC_CAP_SMALL_LAST_FRAME)) {
      memset(
        m->samples + count * channels, 0,
        (size_t)(m->frame_size - count) * channels * sizeof *m->samples);
      given = m->frame_size;
    }
    if ((error = fill_frame(m, given)) < 0) return error;
    m->next_sample += given;
    error = avcodec_send_frame(m->encoder, m->frame);
    if (error < 0) return mux_fail(m, MEDIA_MUX_ENCODER, error, NULL);
  }
  if (count < m->frame_size) {
    m->audio_ended = 1;
    error = avcodec_send_frame(m->encoder, NULL);
    if (error < 0) return mux_fail(m, MEDIA_MUX_ENCODER, error, NULL);
  }
  return write_encoded(m);
}
