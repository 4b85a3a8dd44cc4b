// The sound that a clip brings along: decoded, resampled, and laid on the clock of its pictures.

#include <string.h>

#include "Internal.h"

#include <libswresample/swresample.h>

enum { MAXIMUM_READ_ERRORS = 32 };

/// Seconds by which times may waver without anything being amiss, and beyond which a format that may jump has jumped.
static const double TOLERANCE = 0.05, JUMP = 10;

/// Seconds before the wanted place from which decoding starts, for codecs that need what came before.
static const int64_t PREROLL = 2;

struct media_sound {
  AVFormatContext *format;
  AVStream *stream;
  AVCodecContext *decoder;
  AVPacket *packet;
  AVFrame *frame;
  int sample_rate, channels;
  /// Where reading starts, in samples of the output on the container's clock; moves with a clock that jumps.
  int64_t start;

  /// Frames without a gap between them and of one kind are a segment, with a resampler of its own.
  SwrContext *resampler;
  int in_format, in_rate, in_channels;
  /// Where the segment's next frame should lie, in its own samples on the container's clock.
  int64_t expected;

  /// Samples given, silence included, and those that wait to be.
  int64_t place;
  float *waiting;
  int waiting_count, waiting_start, waiting_capacity;
  /// Silence to be given before what waits; samples to be dropped from it.
  int64_t silence, skip;
  /// Silence given for holes, as far as no jump back has taken it away again.
  int64_t inserted;
  /// The frame begins a new segment.
  int frame_waits;
  int may_jump, draining, ended, errors;
};

static int frame_channels(const AVFrame *frame) {
#if MEDIA_CHANNEL_LAYOUTS
  return frame->ch_layout.nb_channels;
#else
  return frame->channels;
#endif
}

static int stream_channels(const AVStream *stream) {
#if MEDIA_CHANNEL_LAYOUTS
  return stream->codecpar->ch_layout.nb_channels;
#else
  return stream->codecpar->channels;
#endif
}

static int make_resampler(media_sound *sound, const AVFrame *frame) {
  swr_free(&sound->resampler);
  int channels = frame_channels(frame);
#if MEDIA_CHANNEL_LAYOUTS
  AVChannelLayout out, in;
  av_channel_layout_default(&out, sound->channels);
  if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) av_channel_layout_default(&in, channels);
  else in = frame->ch_layout;
  int error = swr_alloc_set_opts2(
    &sound->resampler, &out, AV_SAMPLE_FMT_FLT, sound->sample_rate, &in, frame->format,
    frame->sample_rate, 0, NULL);
  if (error < 0) return error;
#else
  uint64_t layout = frame->channel_layout;
  if (!layout) layout = (uint64_t)av_get_default_channel_layout(channels);
  sound->resampler = swr_alloc_set_opts(
    NULL, av_get_default_channel_layout(sound->channels), AV_SAMPLE_FMT_FLT, sound->sample_rate,
    (int64_t)layout, frame->format, frame->sample_rate, 0, NULL);
  if (!sound->resampler) return AVERROR(ENOMEM);
#endif
  // No channel made of several is louder than they are: two become one by their mean.
  av_opt_set_double(sound->resampler, "rematrix_maxval", 1, 0);
  sound->in_format = frame->format;
  sound->in_rate = frame->sample_rate;
  sound->in_channels = channels;
  return swr_init(sound->resampler);
}

int media_sound_open(
  const char *url, int sample_rate, int channels, int64_t start, media_sound **result,
  int *given_channels) {
  *result = NULL;
  media_sound *sound = av_mallocz(sizeof *sound);
  if (!sound) return AVERROR(ENOMEM);
  sound->sample_rate = sample_rate;
  sound->start = start;
  int error = media_open_container(url, &sound->format, 0);
  if (error < 0) goto failed;
  const AVCodec *codec = NULL;
  error = av_find_best_stream(sound->format, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
  if (error < 0) {
    error = MEDIA_NO_SOUND_STREAM;
    goto failed;
  }
  sound->stream = sound->format->streams[error];
  for (unsigned i = 0; i < sound->format->nb_streams; i++)
    if (sound->format->streams[i] != sound->stream)
      sound->format->streams[i]->discard = AVDISCARD_ALL;
  codec = avcodec_find_decoder(sound->stream->codecpar->codec_id);
  error = MEDIA_NO_DECODER;
  if (!codec) goto failed;
  sound->channels = channels > 0 ? channels : stream_channels(sound->stream) >= 2 ? 2 : 1;
  error = AVERROR(ENOMEM);
  if (!(sound->decoder = avcodec_alloc_context3(codec))) goto failed;
  if ((error = avcodec_parameters_to_context(sound->decoder, sound->stream->codecpar)) < 0)
    goto failed;
  sound->decoder->pkt_timebase = sound->stream->time_base;
  sound->decoder->thread_count = 1;
  if ((error = avcodec_open2(sound->decoder, codec, NULL)) < 0) goto failed;
  error = AVERROR(ENOMEM);
  if (!(sound->packet = av_packet_alloc()) || !(sound->frame = av_frame_alloc())) goto failed;
  const AVInputFormat *format = sound->format->iformat;
  sound->may_jump = (format->flags & AVFMT_TS_DISCONT) != 0;
  int64_t place = start / sample_rate - PREROLL;
  int64_t first = sound->format->start_time == AV_NOPTS_VALUE ? 0 : sound->format->start_time;
  if (
    place > first / AV_TIME_BASE + 5 && sound->format->pb
    && (sound->format->pb->seekable & AVIO_SEEKABLE_NORMAL)
    && !(format->flags & AVFMT_NOTIMESTAMPS) && !sound->may_jump)
    // A place that cannot be sought is read up to.
    av_seek_frame(
      sound->format, sound->stream->index,
      av_rescale_q(place, (AVRational){1, 1}, sound->stream->time_base), AVSEEK_FLAG_BACKWARD);
  *result = sound;
  *given_channels = sound->channels;
  return 0;
failed:
  if (media_is_out_of_memory(error)) error = MEDIA_OUT_OF_MEMORY;
  media_sound_close(sound);
  return error;
}

void media_sound_close(media_sound *sound) {
  if (!sound) return;
  swr_free(&sound->resampler);
  av_free(sound->waiting);
  av_frame_free(&sound->frame);
  av_packet_free(&sound->packet);
  avcodec_free_context(&sound->decoder);
  avformat_close_input(&sound->format);
  av_free(sound);
}

/// The next decoded frame: 1, or 0 at the end. Damage is passed over: silence takes its place.
static int next_frame(media_sound *sound) {
  for (;;) {
    int error = avcodec_receive_frame(sound->decoder, sound->frame);
    if (error >= 0) return 1;
    if (media_is_out_of_memory(error)) return error;
    if (sound->draining) return 0;
    error = av_read_frame(sound->format, sound->packet);
    if (error == AVERROR_EOF || (error < 0 && ++sound->errors >= MAXIMUM_READ_ERRORS)) {
      sound->draining = 1;
      avcodec_send_packet(sound->decoder, NULL);
      continue;
    }
    if (error < 0) continue;
    if (sound->packet->stream_index == sound->stream->index)
      error = avcodec_send_packet(sound->decoder, sound->packet);
    av_packet_unref(sound->packet);
    if (media_is_out_of_memory(error)) return error;
  }
}

/// Where the frame lies on the container's clock, in its own samples; `otherwise` where it does not say.
static int64_t frame_place(const media_sound *sound, int64_t otherwise) {
  int64_t time = sound->frame->best_effort_timestamp;
  AVRational samples = {1, sound->frame->sample_rate};
  return time == AV_NOPTS_VALUE ? otherwise
                                : av_rescale_q(time, sound->stream->time_base, samples);
}

/// 1: the frame goes on from the one before; 0: something is between them; -1: it lies behind, and is left out.
static int continues(media_sound *sound) {
  const AVFrame *frame = sound->frame;
  if (
    frame->format != sound->in_format || frame->sample_rate != sound->in_rate
    || frame_channels(frame) != sound->in_channels)
    return 0;
  int64_t gap = frame_place(sound, sound->expected) - sound->expected;
  double seconds = (double)gap / frame->sample_rate;
  if (sound->may_jump && (seconds > JUMP || seconds < -1)) {
    // Another clock, not a hole. A jump back after a hole says that there was none: what follows makes up for it.
    int64_t jump = av_rescale(gap, sound->sample_rate, frame->sample_rate);
    int64_t undone = jump < 0 ? FFMIN(sound->inserted, -jump) : 0;
    sound->expected += gap;
    sound->start += jump + undone;
    sound->skip += undone;
    sound->inserted -= undone;
    return 1;
  }
  return seconds > TOLERANCE ? 0 : seconds < -TOLERANCE ? -1 : 1;
}

/// Resamples the frame, or with none what the resampler still holds, into what waits.
static int resample(media_sound *sound, const AVFrame *frame) {
  int count = frame ? frame->nb_samples : 0;
  int most = swr_get_out_samples(sound->resampler, count);
  if (most < 0) return most;
  // What is held back at the end is not counted by every version.
  most += 64;
  if (most > sound->waiting_capacity) {
    av_free(sound->waiting);
    sound->waiting_capacity = 0;
    sound->waiting = av_malloc_array((size_t)most * sound->channels, sizeof *sound->waiting);
    if (!sound->waiting) return AVERROR(ENOMEM);
    sound->waiting_capacity = most;
  }
  uint8_t *target = (uint8_t *)sound->waiting;
  int got = swr_convert(
    sound->resampler, &target, most, frame ? (const uint8_t **)frame->extended_data : NULL, count);
  if (got < 0) return got;
  int skipped = (int)FFMIN(sound->skip, got);
  sound->skip -= skipped;
  sound->waiting_start = skipped;
  sound->waiting_count = got - skipped;
  sound->place += sound->waiting_count;
  return 0;
}

static int begin_segment(media_sound *sound) {
  int error = make_resampler(sound, sound->frame);
  if (error < 0) return error;
  AVRational samples = {1, sound->frame->sample_rate}, out = {1, sound->sample_rate};
  // A frame without a time follows the one before.
  int64_t otherwise = av_rescale_q(sound->start + sound->place, out, samples);
  sound->expected = frame_place(sound, otherwise);
  int64_t gap = av_rescale_q(sound->expected, samples, out) - sound->start - sound->place;
  sound->silence = FFMAX(0, gap);
  sound->skip = FFMAX(0, -gap);
  if (sound->place > 0) sound->inserted += sound->silence;
  sound->place += sound->silence;
  return 0;
}

/// Makes more wait. Nothing does when it is called.
static int feed(media_sound *sound) {
  if (!sound->frame_waits) {
    int error = next_frame(sound);
    if (error < 0) return error;
    if (error == 0) {
      sound->ended = 1;
      return sound->resampler ? resample(sound, NULL) : 0;
    }
    if (sound->frame->sample_rate <= 0 || frame_channels(sound->frame) <= 0) return 0;
    int goes_on = sound->resampler ? continues(sound) : 0;
    if (goes_on < 0) return 0;
    if (!goes_on) {
      sound->frame_waits = 1;
      if (sound->resampler) return resample(sound, NULL);
    }
  }
  int error = sound->frame_waits ? begin_segment(sound) : 0;
  if (error < 0) return error;
  sound->frame_waits = 0;
  sound->expected += sound->frame->nb_samples;
  error = resample(sound, sound->frame);
  av_frame_unref(sound->frame);
  return error;
}

int media_sound_read(media_sound *sound, float *samples, int frames) {
  while (sound->silence == 0 && sound->waiting_count == 0) {
    if (sound->ended) return 0;
    int error = feed(sound);
    if (error < 0) return error;
  }
  if (sound->silence > 0) {
    int count = (int)FFMIN(sound->silence, frames);
    memset(samples, 0, (size_t)count * sound->channels * sizeof *samples);
    sound->silence -= count;
    return count;
  }
  int count = FFMIN(sound->waiting_count, frames);
  memcpy(
    samples, sound->waiting + (size_t)sound->waiting_start * sound->channels,
    (size_t)count * sound->channels * sizeof *samples);
  sound->waiting_start += count;
  sound->waiting_count -= count;
  return count;
}
