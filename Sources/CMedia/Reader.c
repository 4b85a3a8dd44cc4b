#include "Internal.h"

#include <CProcess.h>
#include <stdio.h>
#include <string.h>

/// The container reports an error this many times in a row before it counts as ended.
enum { MAXIMUM_READ_ERRORS = 32 };

/// Larger pictures are refused before memory is asked for them (16384 x 8192).
static const int64_t MAXIMUM_PIXELS = (int64_t)1 << 27;

struct media_reader {
  AVFormatContext *format;
  AVCodecContext *decoder;
  AVStream *stream;
  AVPacket *packet;
  AVFrame *frame;
  int has_packet;
  int draining;
  int orientation;
  media_counters counters;
};

int media_is_out_of_memory(int error) {
  return error == AVERROR(ENOMEM) && process_is_out_of_memory();
}

int64_t media_time(int64_t time) { return time == AV_NOPTS_VALUE ? MEDIA_NO_TIME : time; }

int media_open_container(const char *url, AVFormatContext **format, int generate_times) {
  media_capture_log();
  media_forget_log();
  AVDictionary *options = NULL;
  av_dict_set(&options, "protocol_whitelist", "file,pipe", 0);
  av_dict_set(&options, "pattern_type", "none", 0);
  AVFormatContext *context = avformat_alloc_context();
  if (!context) return AVERROR(ENOMEM);
  if (generate_times) context->flags |= AVFMT_FLAG_GENPTS;
  int error = avformat_open_input(&context, url, NULL, &options);
  av_dict_free(&options);
  if (error < 0) return error;
  // A failure here leaves what was found out; what is missing shows later.
  error = avformat_find_stream_info(context, NULL);
  if (error < 0 && (context->nb_streams == 0 || media_is_out_of_memory(error))) {
    avformat_close_input(&context);
    return error;
  }
  *format = context;
  return 0;
}

/// Text files are "videos" to these decoders.
static int is_text_art(enum AVCodecID codec) {
  return codec == AV_CODEC_ID_ANSI || codec == AV_CODEC_ID_BINTEXT || codec == AV_CODEC_ID_XBIN
    || codec == AV_CODEC_ID_IDF;
}

static int64_t stream_score(const AVStream *stream) {
  const AVCodecParameters *parameters = stream->codecpar;
  int64_t pixels = (int64_t)parameters->width * parameters->height;
  return (avcodec_find_decoder(parameters->codec_id) ? (int64_t)1 << 48 : 0)
    + (pixels > 0 ? (int64_t)1 << 44 : 0)
    + (stream->disposition & AV_DISPOSITION_DEFAULT ? (int64_t)1 << 40 : 0) + pixels;
}

static AVStream *find_video(AVFormatContext *format, media_info *info) {
  AVStream *best = NULL;
  int audio = 0, covers = 0, other = 0;
  for (unsigned i = 0; i < format->nb_streams; i++) {
    AVStream *stream = format->streams[i];
    const AVCodecParameters *parameters = stream->codecpar;
    if (parameters->codec_type == AVMEDIA_TYPE_AUDIO) {
      if (!audio++)
        snprintf(
          info->audio_codec, sizeof info->audio_codec, "%s",
          avcodec_get_name(parameters->codec_id));
    } else if (parameters->codec_type != AVMEDIA_TYPE_VIDEO || is_text_art(parameters->codec_id)) {
      other++;
    } else if (
      stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) {
      covers++;
    } else if (!best || stream_score(stream) > stream_score(best)) {
      best = stream;
    }
  }
  info->has_audio = audio > 0;
  snprintf(
    info->streams, sizeof info->streams, "%s",
    audio && covers ? "audio and cover art"
      : audio       ? "audio"
      : covers      ? "cover art"
      : other       ? "other data"
                    : "nothing");
  return best;
}

int media_orientation(const int32_t *matrix, size_t size) {
  if (!matrix || size < 9 * sizeof *matrix) return 0;
  // A point (p right, q down) is shown at (a p + c q, b p + d q); the nearest quarter turn counts.
  int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  if (llabs(a) + llabs(d) >= llabs(b) + llabs(c))
    return (a < 0 ? MEDIA_MIRROR_X : 0) | (d < 0 ? MEDIA_MIRROR_Y : 0);
  return MEDIA_TRANSPOSE | (c < 0 ? MEDIA_MIRROR_X : 0) | (b < 0 ? MEDIA_MIRROR_Y : 0);
}

static int stream_orientation(const AVStream *stream) {
#if MEDIA_SIDE_DATA_IN_PARAMETERS
  const AVPacketSideData *data = av_packet_side_data_get(
    stream->codecpar->coded_side_data, stream->codecpar->nb_coded_side_data,
    AV_PKT_DATA_DISPLAYMATRIX);
  return data ? media_orientation((const int32_t *)data->data, data->size) : 0;
#else
#if LIBAVFORMAT_VERSION_MAJOR < 59
  int size = 0;
#else
  size_t size = 0;
#endif
  const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  return media_orientation((const int32_t *)data, data ? (size_t)size : 0);
#endif
}

static int ends_with(const char *text, const char *ending) {
  size_t a = strlen(text), b = strlen(ending);
  return a >= b && strcmp(text + a - b, ending) == 0;
}

/// The time code stands at the pictures themselves, at the file, or at a track of its own.
static void find_timecode(const media_reader *reader, media_info *info) {
  const AVFormatContext *format = reader->format;
  const AVDictionaryEntry *entry = av_dict_get(reader->stream->metadata, "timecode", NULL, 0);
  if (!entry) entry = av_dict_get(format->metadata, "timecode", NULL, 0);
  for (unsigned i = 0; i < format->nb_streams && !entry; i++)
    entry = av_dict_get(format->streams[i]->metadata, "timecode", NULL, 0);
  snprintf(info->timecode, sizeof info->timecode, "%s", entry ? entry->value : "");
}

static void describe(media_reader *reader, media_info *info) {
  AVFormatContext *format = reader->format;
  AVStream *stream = reader->stream;
  const AVCodecParameters *parameters = stream->codecpar;
  const char *name = format->iformat->name;
  snprintf(info->codec, sizeof info->codec, "%s", avcodec_get_name(parameters->codec_id));
  info->stream = stream->index;
  info->width = parameters->width;
  info->height = parameters->height;
  AVRational aspect = av_guess_sample_aspect_ratio(format, stream, NULL);
  info->aspect_numerator = aspect.num;
  info->aspect_denominator = aspect.den;
  info->orientation = reader->orientation;
  info->time_base_numerator = stream->time_base.num;
  info->time_base_denominator = stream->time_base.den;
  AVRational rate = av_guess_frame_rate(format, stream, NULL);
  if (rate.num <= 0 || rate.den <= 0) rate = (AVRational){0, 0};
  info->frame_rate_numerator = rate.num;
  info->frame_rate_denominator = rate.den;
  info->start_time = media_time(stream->start_time);
  info->duration = media_time(stream->duration);
  info->container_duration = media_time(format->duration);
  info->is_image = ends_with(name, "_pipe") || strcmp(name, "image2") == 0;
  info->may_jump = (format->iformat->flags & AVFMT_TS_DISCONT) != 0;
  info->duration_is_indexed = strncmp(name, "mov,", 4) == 0;
  // Pictures of animations are changes to the one before, whatever their index says; raw streams
  // have no times to seek by.
  info->can_seek = format->pb && (format->pb->seekable & AVIO_SEEKABLE_NORMAL)
    && !(format->iformat->flags & AVFMT_NOTIMESTAMPS) && parameters->codec_id != AV_CODEC_ID_GIF
    && parameters->codec_id != AV_CODEC_ID_APNG;
}

static int open_decoder(media_reader *reader, int threads) {
  const AVCodecParameters *parameters = reader->stream->codecpar;
  const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
  if (!codec) return MEDIA_NO_DECODER;
  for (;; threads = 1) {
    reader->decoder = avcodec_alloc_context3(codec);
    if (!reader->decoder) return AVERROR(ENOMEM);
    int error = avcodec_parameters_to_context(reader->decoder, parameters);
    if (error < 0) return error;
    reader->decoder->pkt_timebase = reader->stream->time_base;
    reader->decoder->thread_count = threads;
    reader->decoder->max_pixels = MAXIMUM_PIXELS;
    error = avcodec_open2(reader->decoder, codec, NULL);
    // Where no further thread can be started, one will do.
    if (error != AVERROR(EAGAIN) || threads == 1) return error;
    avcodec_free_context(&reader->decoder);
  }
}

int media_open(const char *url, int threads, media_reader **result, media_info *info) {
  memset(info, 0, sizeof *info);
  *result = NULL;
  media_reader *reader = av_mallocz(sizeof *reader);
  if (!reader) return AVERROR(ENOMEM);
  reader->counters.first_packet_time = MEDIA_NO_TIME;
  reader->counters.lowest_packet_time = MEDIA_NO_TIME;
  int error = media_open_container(url, &reader->format, 0);
  if (error < 0) goto failed;
  snprintf(info->container, sizeof info->container, "%s", reader->format->iformat->name);
  info->score = reader->format->probe_score;
  reader->stream = find_video(reader->format, info);
  error = MEDIA_NO_VIDEO_STREAM;
  if (!reader->stream) goto failed;
  for (unsigned i = 0; i < reader->format->nb_streams; i++)
    if (reader->format->streams[i] != reader->stream)
      reader->format->streams[i]->discard = AVDISCARD_ALL;
  reader->orientation = stream_orientation(reader->stream);
  describe(reader, info);
  find_timecode(reader, info);
  error = open_decoder(reader, threads);
  if (error != 0) goto failed;
  reader->packet = av_packet_alloc();
  reader->frame = av_frame_alloc();
  error = AVERROR(ENOMEM);
  if (!reader->packet || !reader->frame) goto failed;
  *result = reader;
  return 0;
failed:
  media_close(reader);
  return media_is_out_of_memory(error) ? MEDIA_OUT_OF_MEMORY : error;
}

void media_close(media_reader *reader) {
  if (!reader) return;
  av_frame_free(&reader->frame);
  av_packet_free(&reader->packet);
  avcodec_free_context(&reader->decoder);
  avformat_close_input(&reader->format);
  av_free(reader);
}

media_counters media_count(const media_reader *reader) { return reader->counters; }

int media_seek(media_reader *reader, int64_t time) {
  int error = avformat_seek_file(
    reader->format, reader->stream->index, INT64_MIN, time, time, 0);
  if (error < 0) return error;
  avcodec_flush_buffers(reader->decoder);
  av_packet_unref(reader->packet);
  reader->has_packet = 0;
  reader->draining = 0;
  return 0;
}

static void note_earliest(int64_t *earliest, int64_t time) {
  if (time != MEDIA_NO_TIME && (*earliest == MEDIA_NO_TIME || time < *earliest)) *earliest = time;
}

/// Puts the next packet of the stream into `reader->packet`: 1, or 0 at the end, or the want of memory.
static int read_packet(media_reader *reader) {
  for (int errors = 0; errors < MAXIMUM_READ_ERRORS;) {
    int error = av_read_frame(reader->format, reader->packet);
    if (error == AVERROR_EOF) {
      int reason = reader->format->pb ? reader->format->pb->error : 0;
      if (reason < 0 && reason != AVERROR_EOF) {
        reader->counters.read_errors++;
        reader->counters.last_read_error = reason;
      }
      return 0;
    }
    if (media_is_out_of_memory(error)) return error;
    if (error < 0) {
      errors++;
      reader->counters.read_errors++;
      reader->counters.last_read_error = error;
      continue;
    }
    if (reader->packet->stream_index != reader->stream->index) {
      av_packet_unref(reader->packet);
      continue;
    }
    reader->counters.packets++;
    if (reader->packet->flags & AV_PKT_FLAG_CORRUPT) reader->counters.damaged++;
    int64_t time = media_time(reader->packet->pts);
    note_earliest(&reader->counters.lowest_packet_time, time);
    if (!(reader->packet->flags & AV_PKT_FLAG_DISCARD))
      note_earliest(&reader->counters.first_packet_time, time);
    return 1;
  }
  return 0;
}

static void describe_frame(
  const media_reader *reader, const AVFrame *frame, media_frame_info *info) {
  info->time = media_time(frame->best_effort_timestamp);
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  info->duration = frame->duration;
#else
  info->duration = frame->pkt_duration;
#endif
  info->width = frame->width;
  info->height = frame->height;
  AVRational aspect =
    av_guess_sample_aspect_ratio(reader->format, reader->stream, (AVFrame *)frame);
  info->aspect_numerator = aspect.num;
  info->aspect_denominator = aspect.den;
  // Pictures carry their own orientation (EXIF); a stream's counts where the frame has none.
  const AVFrameSideData *matrix = av_frame_get_side_data(frame, AV_FRAME_DATA_DISPLAYMATRIX);
  info->orientation = matrix ? media_orientation((const int32_t *)matrix->data, matrix->size)
                             : reader->orientation;
  info->damaged = frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0;
  const char *name = av_get_pix_fmt_name(frame->format);
  info->pixel_format = name ? name : "unknown";
}

int media_next(media_reader *reader, media_frame **result, media_frame_info *info) {
  *result = NULL;
  for (;;) {
    int error = avcodec_receive_frame(reader->decoder, reader->frame);
    if (error == 0) {
      AVFrame *frame = av_frame_alloc();
      if (!frame) return AVERROR(ENOMEM);
      av_frame_move_ref(frame, reader->frame);
      describe_frame(reader, frame, info);
      if (info->damaged) reader->counters.damaged++;
      *result = (media_frame *)frame;
      return 1;
    }
    if (media_is_out_of_memory(error)) return error;
    if (error == AVERROR_EOF) {
      // Some decoders take the want of memory for damage.
      int is_lost = reader->counters.damaged > 0 && process_is_out_of_memory();
      return is_lost ? AVERROR(ENOMEM) : 0;
    }
    if (error != AVERROR(EAGAIN)) {
      reader->counters.damaged++;
      // A decoder that fails for good must not be asked for ever.
      if (reader->draining && ++reader->draining > 1000) return 0;
      continue;
    }
    if (reader->draining) return 0;
    if (!reader->has_packet) {
      error = read_packet(reader);
      if (error < 0) return error;
      reader->has_packet = error;
    }
    if (!reader->has_packet) {
      reader->draining = 1;
      error = avcodec_send_packet(reader->decoder, NULL);
      if (error < 0 && error != AVERROR_EOF) return 0;
      continue;
    }
    error = avcodec_send_packet(reader->decoder, reader->packet);
    if (error == AVERROR(EAGAIN)) continue;
    if (media_is_out_of_memory(error)) return error;
    if (error < 0) reader->counters.damaged++;
    av_packet_unref(reader->packet);
    reader->has_packet = 0;
  }
}

void media_frame_free(media_frame *frame) {
  AVFrame *inner = (AVFrame *)frame;
  av_frame_free(&inner);
}
