// Copies a file's pictures untouched and puts new sound beside them. All times are moved so that
// the first shown frame comes at 0, which is where the sound starts.

#include "Mux.h"

#include <stdio.h>
#include <string.h>

enum { MAXIMUM_READ_ERRORS = 32 };

/// Formats that may jump in time are joined where they jump further than this.
static const int64_t LONGEST_STEP_SECONDS = 10;

static const int64_t LONGEST_LEAD_IN_MS = 100;

int mux_fail(muxer *m, int stage, int error, const char *detail) {
  if (!m->result->stage) {
    m->result->stage = stage;
    snprintf(m->result->detail, sizeof m->result->detail, "%s", detail ? detail : "");
  }
  return error;
}

int mux_is_matroska(const muxer *m) {
  const char *container = m->output->oformat->name;
  return strcmp(container, "matroska") == 0 || strcmp(container, "webm") == 0;
}

int mux_opus_delay(const muxer *m, enum AVCodecID codec, int padding) {
#if LIBAVFORMAT_VERSION_MAJOR < 60
  if (codec == AV_CODEC_ID_OPUS && mux_is_matroska(m)) return padding;
#endif
  return 0;
}

int mux_write_packet(muxer *m, AVPacket *packet) {
  int error = av_interleaved_write_frame(m->output, packet);
  return error < 0 ? mux_fail(m, MEDIA_MUX_WRITE, error, NULL) : 0;
}

// MARK: Streams

int media_can_hold(const char *container, const char *codec) {
  const AVOutputFormat *format = av_guess_format(container, NULL, NULL);
  const AVCodecDescriptor *descriptor = avcodec_descriptor_get_by_name(codec);
  return format && descriptor
    && avformat_query_codec(format, descriptor->id, FF_COMPLIANCE_NORMAL) != 0;
}

static int is_cover(const AVStream *stream) {
  return stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO
    && (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

/// The muxers of these containers make a track of time code anew, from what the pictures' metadata tell.
static int is_timecode(const muxer *m, const AVStream *stream) {
  const char *container = m->output->oformat->name;
  return stream->codecpar->codec_tag == MKTAG('t', 'm', 'c', 'd')
    && (mux_is_matroska(m) || strcmp(container, "mov") == 0 || strcmp(container, "mp4") == 0);
}

/// Chapters of QuickTime's kind have a track for their names, which is made anew, too.
static int is_chapter_track(const muxer *m, const AVStream *stream) {
  return m->input->nb_chapters > 0 && stream->codecpar->codec_type == AVMEDIA_TYPE_DATA
    && stream->codecpar->codec_tag == MKTAG('t', 'e', 'x', 't');
}

static int is_kept(const muxer *m, const AVStream *stream) {
  enum AVCodecID codec = stream->codecpar->codec_id;
  const char *container = m->output->oformat->name;
  int holds = avformat_query_codec(m->output->oformat, codec, FF_COMPLIANCE_NORMAL);
  if (stream->index == m->request->stream) return holds != 0;
  if (is_cover(stream))
    return holds == 1
      && (strcmp(container, "mp4") == 0 || strcmp(container, "ipod") == 0
          || strcmp(container, "matroska") == 0);
  switch (stream->codecpar->codec_type) {
    case AVMEDIA_TYPE_AUDIO: return m->request->keeps_sound && holds == 1;
    case AVMEDIA_TYPE_VIDEO:
    case AVMEDIA_TYPE_SUBTITLE: return holds == 1;
    case AVMEDIA_TYPE_DATA:
      return holds == 1 && codec != AV_CODEC_ID_NONE && !is_timecode(m, stream)
        && !is_chapter_track(m, stream);
    case AVMEDIA_TYPE_ATTACHMENT: return strcmp(container, "matroska") == 0;
    default: return 0;
  }
}

static int copy_side_data(const AVStream *from, AVStream *to) {
#if MEDIA_SIDE_DATA_IN_PARAMETERS
  (void)from, (void)to;  // copied with the parameters
#else
  for (int i = 0; i < from->nb_side_data; i++) {
    const AVPacketSideData *data = &from->side_data[i];
    uint8_t *copy = av_stream_new_side_data(to, data->type, data->size);
    if (!copy) return AVERROR(ENOMEM);
    memcpy(copy, data->data, data->size);
  }
#endif
  return 0;
}

static int copy_stream(muxer *m, const AVStream *from) {
  AVStream *to = avformat_new_stream(m->output, NULL);
  if (!to) return AVERROR(ENOMEM);
  int error = avcodec_parameters_copy(to->codecpar, from->codecpar);
  if (error < 0 || (error = copy_side_data(from, to)) < 0) return error;
  // A tag of the other container would be refused; without one the muxer chooses.
  unsigned tag;
  const struct AVCodecTag *const *tags = m->output->oformat->codec_tag;
  if (
    tags && av_codec_get_id(tags, from->codecpar->codec_tag) != from->codecpar->codec_id
    && av_codec_get_tag2(tags, from->codecpar->codec_id, &tag))
    to->codecpar->codec_tag = 0;
  to->time_base = from->time_base;
  to->avg_frame_rate = from->avg_frame_rate;
  to->r_frame_rate = from->r_frame_rate;
  to->sample_aspect_ratio = from->sample_aspect_ratio;
  to->disposition = from->disposition;
  // The new sound is the one that players take.
  if (from->codecpar->codec_type == AVMEDIA_TYPE_AUDIO)
    to->disposition &= ~AV_DISPOSITION_DEFAULT;
  error = av_dict_copy(&to->metadata, from->metadata, 0);
  // Matroska's statistics of the old stream; the muxer writes its own.
  av_dict_set(&to->metadata, "DURATION", NULL, 0);
  if (error < 0) return error;
  m->mapping[from->index] = to->index;
  return 0;
}

static int copy_chapters(muxer *m) {
  unsigned count = m->input->nb_chapters;
  if (count == 0) return 0;
  AVRational base = m->input->streams[m->request->stream]->time_base;
  m->output->chapters = av_calloc(count, sizeof *m->output->chapters);
  if (!m->output->chapters) return AVERROR(ENOMEM);
  for (unsigned i = 0; i < count; i++) {
    const AVChapter *from = m->input->chapters[i];
    int64_t start = av_rescale_q(-m->shift, base, from->time_base);
    if (from->end <= start) continue;
    AVChapter *to = av_mallocz(sizeof *to);
    if (!to) return AVERROR(ENOMEM);
    m->output->chapters[m->output->nb_chapters++] = to;
    to->id = from->id;
    to->time_base = from->time_base;
    to->start = FFMAX(0, from->start - start);
    to->end = from->end - start;
    int error = av_dict_copy(&to->metadata, from->metadata, 0);
    if (error < 0) return error;
  }
  return 0;
}

/// Matroska stores no negative times. FFmpeg would move all streams until the lowest decoding time
/// is 0, though Matroska does not store those, and would count Opus's delay twice on the way. Only
/// two things are worth moving for: pictures that other containers hide before the first shown one,
/// and an encoder's lead-in.
static void avoid_negative_times(muxer *m) {
  if (!mux_is_matroska(m)) return;
  m->output->avoid_negative_ts = 0;
  const media_mux_request *request = m->request;
  AVRational video = m->input->streams[request->stream]->time_base;
  AVRational sound = {1, request->sample_rate};
  int64_t hidden = av_rescale_q(request->first_time - request->lowest_time, video, sound);
  int64_t lead_in = m->encoder->codec_id == AV_CODEC_ID_OPUS ? 0 : m->encoder->initial_padding;
  int64_t move = FFMAX(hidden, lead_in - request->audio_start);
  if (move <= 0) return;
  m->shift += av_rescale_q(move, sound, video);
  m->audio_start += move;
}

static int open_output(muxer *m) {
  const media_mux_request *request = m->request;
  int error = avformat_alloc_output_context2(
    &m->output, NULL, request->container, request->output_url);
  if (error < 0) return mux_fail(m, MEDIA_MUX_CONTAINER, error, NULL);
  m->output->flags |= AVFMT_FLAG_BITEXACT;
  m->shift = -request->first_time;
  m->audio_start = request->audio_start;
  unsigned streams = m->input->nb_streams;
  m->mapping = av_malloc_array(streams, sizeof *m->mapping);
  if (!m->mapping) return AVERROR(ENOMEM);
  for (unsigned i = 0; i < streams; i++) m->mapping[i] = -1;
  // The picture and its sound first, as players expect, then what else there is.
  const AVStream *video = m->input->streams[request->stream];
  if (!is_kept(m, video))
    return mux_fail(
      m, MEDIA_MUX_CONTAINER, AVERROR(EINVAL), avcodec_get_name(video->codecpar->codec_id));
  if ((error = copy_stream(m, video)) < 0 || (error = mux_open_audio(m)) < 0) return error;
  avoid_negative_times(m);
  for (unsigned i = 0; i < streams; i++) {
    AVStream *stream = m->input->streams[i];
    if ((int)i == request->stream) continue;
    if (is_kept(m, stream)) {
      if ((error = copy_stream(m, stream)) < 0) return error;
      continue;
    }
    stream->discard = AVDISCARD_ALL;
    if (is_timecode(m, stream) || is_chapter_track(m, stream)) continue;
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_AUDIO || m->request->keeps_sound)
      m->result->dropped_streams++;
  }
  if ((error = av_dict_copy(&m->output->metadata, m->input->metadata, 0)) < 0) return error;
  // These describe the old container.
  static const char *const stale[] = {
    "major_brand", "minor_version", "compatible_brands", "encoder"};
  for (size_t i = 0; i < sizeof stale / sizeof *stale; i++)
    av_dict_set(&m->output->metadata, stale[i], NULL, 0);
  if ((error = copy_chapters(m)) < 0) return error;
  m->last_output_time = av_malloc_array(m->output->nb_streams, sizeof *m->last_output_time);
  if (!m->last_output_time) return AVERROR(ENOMEM);
  for (unsigned i = 0; i < m->output->nb_streams; i++) m->last_output_time[i] = AV_NOPTS_VALUE;
  error = avio_open(&m->output->pb, request->output_url, AVIO_FLAG_WRITE);
  if (error < 0) return mux_fail(m, MEDIA_MUX_CREATE, error, NULL);
  error = avformat_write_header(m->output, NULL);
  if (error < 0)
    return mux_fail(
      m, media_error_number(error) == ENOSPC ? MEDIA_MUX_WRITE : MEDIA_MUX_CONTAINER, error,
      avcodec_get_name(video->codecpar->codec_id));
  return 0;
}

// MARK: Packets

/// Joins the clock of formats that jump where the reader joins it.
static void follow_jumps(muxer *m, const AVPacket *packet, AVRational base) {
  int64_t time = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
  if (!m->may_jump || time == AV_NOPTS_VALUE) return;
  int64_t last = m->last_input_time;
  m->last_input_time = time;
  if (last == AV_NOPTS_VALUE) return;
  int64_t second = FFMAX(1, av_rescale_q(1, (AVRational){1, 1}, base));
  if (time - last <= LONGEST_STEP_SECONDS * second && time - last >= -second) return;
  m->shift += last + FFMAX(1, packet->duration) - time;
}

/// Of what is not the picture, nothing comes before its first shown frame, but for an encoder's lead-in, where the
/// container can hide it: a decoder needs it.
static int64_t earliest(const muxer *m, const AVStream *stream) {
  if (stream->codecpar->codec_type != AVMEDIA_TYPE_AUDIO || mux_is_matroska(m)) return 0;
  return -av_rescale_q(LONGEST_LEAD_IN_MS, (AVRational){1, 1000}, stream->time_base);
}

/// Gives the packet its place on the output clock; 0 when it lies before the first shown frame and
/// belongs to no picture.
static int place(muxer *m, AVPacket *packet) {
  const AVStream *from = m->input->streams[packet->stream_index];
  AVStream *to = m->output->streams[m->mapping[packet->stream_index]];
  AVRational video_base = m->input->streams[m->request->stream]->time_base;
  int is_video = packet->stream_index == m->request->stream;
  if (is_cover(from)) {
    packet->pts = packet->dts = 0;
    packet->stream_index = to->index;
    return 1;
  }
  if (is_video) follow_jumps(m, packet, from->time_base);
  int64_t offset = av_rescale_q(m->shift, video_base, from->time_base);
  if (packet->pts != AV_NOPTS_VALUE) packet->pts += offset;
  if (packet->dts != AV_NOPTS_VALUE) packet->dts += offset;
  int64_t delay = av_rescale_q(
    mux_opus_delay(m, from->codecpar->codec_id, from->codecpar->initial_padding),
    (AVRational){1, 48000}, from->time_base);
  if (packet->pts != AV_NOPTS_VALUE) packet->pts += delay;
  if (packet->dts != AV_NOPTS_VALUE) packet->dts += delay;
  if (!is_video && packet->pts != AV_NOPTS_VALUE && packet->pts < earliest(m, from)) return 0;
  av_packet_rescale_ts(packet, from->time_base, to->time_base);
  int64_t *last = &m->last_output_time[to->index];
  if (packet->dts == AV_NOPTS_VALUE)
    packet->dts = *last != AV_NOPTS_VALUE ? *last + 1 : FFMIN(0, packet->pts);
  if (packet->pts == AV_NOPTS_VALUE) packet->pts = packet->dts;
  // Muxers refuse decoding times that do not rise.
  if (*last != AV_NOPTS_VALUE && packet->dts <= *last) packet->dts = *last + 1;
  if (packet->pts < packet->dts) packet->pts = packet->dts;
  *last = packet->dts;
  packet->stream_index = to->index;
  packet->pos = -1;
  return 1;
}

static int copy_packets(muxer *m) {
  int errors = 0, error;
  while (errors < MAXIMUM_READ_ERRORS) {
    error = av_read_frame(m->input, m->packet);
    if (error == AVERROR_EOF) break;
    if (error < 0) {
      errors++;
      continue;
    }
    int index = m->packet->stream_index;
    if (
      index >= (int)m->input->nb_streams || m->mapping[index] < 0 || !place(m, m->packet)) {
      av_packet_unref(m->packet);
      continue;
    }
    AVRational base = m->output->streams[m->packet->stream_index]->time_base;
    while (
      !m->audio_ended
      && av_compare_ts(
           m->audio_start + m->next_sample, m->encoder->time_base, m->packet->dts, base)
        <= 0)
      if ((error = mux_advance_audio(m)) < 0) return error;
    if ((error = mux_write_packet(m, m->packet)) < 0) return error;
  }
  while (!m->audio_ended)
    if ((error = mux_advance_audio(m)) < 0) return error;
  return 0;
}

static int finish_output(muxer *m) {
  int error = av_write_trailer(m->output);
  if (error >= 0 && m->output->pb->error < 0) error = m->output->pb->error;
  int closed = avio_closep(&m->output->pb);
  if (error >= 0) error = closed;
  return error < 0 ? mux_fail(m, MEDIA_MUX_WRITE, error, NULL) : 0;
}

int media_mux(const media_mux_request *request, media_mux_result *result) {
  memset(result, 0, sizeof *result);
  muxer m = {.request = request, .result = result, .last_input_time = AV_NOPTS_VALUE};
  int error = media_open_container(request->video_url, &m.input, 1);
  if (error < 0) {
    mux_fail(&m, MEDIA_MUX_INPUT, error, NULL);
    goto done;
  }
  if (request->stream >= (int)m.input->nb_streams) {
    error = mux_fail(&m, MEDIA_MUX_INPUT, AVERROR_STREAM_NOT_FOUND, NULL);
    goto done;
  }
  m.may_jump = (m.input->iformat->flags & AVFMT_TS_DISCONT) != 0;
  error = AVERROR(ENOMEM);
  if (!(m.packet = av_packet_alloc())) goto done;
  if ((error = open_output(&m)) < 0) goto done;
  if ((error = copy_packets(&m)) < 0) goto done;
  error = finish_output(&m);
done:
  av_free(m.samples);
  av_free(m.mapping);
  av_free(m.last_output_time);
  av_packet_free(&m.audio_packet);
  av_packet_free(&m.packet);
  av_frame_free(&m.frame);
  avcodec_free_context(&m.encoder);
  if (m.output) {
    if (m.output->pb) avio_closep(&m.output->pb);
    avformat_free_context(m.output);
  }
  avformat_close_input(&m.input);
  if (error < 0 && !result->stage) result->stage = MEDIA_MUX_WRITE;
  return error < 0 ? error : 0;
}
