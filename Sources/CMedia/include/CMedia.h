// What Media needs of FFmpeg, without FFmpeg's own headers: versions differ behind this line only.
//
// Functions that can fail return 0 or more on success and a negative FFmpeg error otherwise;
// `media_error_text` puts it into words.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// A time that the file does not state.
#define MEDIA_NO_TIME INT64_MIN

// Reasons of our own for which a file cannot be opened; all other failures are negative.
enum {
  MEDIA_NO_VIDEO_STREAM = 1,
  MEDIA_NO_DECODER = 2,
  MEDIA_OUT_OF_MEMORY = 3,
  MEDIA_NO_SOUND_STREAM = 4,
};

// Orientation of the stored picture: first transpose, then mirror the result.
enum {
  MEDIA_TRANSPOSE = 1,
  MEDIA_MIRROR_X = 2,
  MEDIA_MIRROR_Y = 4,
};

typedef struct media_reader media_reader;
typedef struct media_frame media_frame;
typedef struct media_scaler media_scaler;

/// Facts of the file and its video stream, as its headers state them.
typedef struct {
  char container[64];
  char codec[32];
  char audio_codec[32];
  /// What was found where there is no video stream: "audio", "audio and cover art", ...
  char streams[64];
  /// Of the first picture, as the file states it, such as "01:00:00:00"; empty where it does not.
  char timecode[32];
  int stream;
  int width, height;
  int aspect_numerator, aspect_denominator;
  int orientation;
  int64_t time_base_numerator, time_base_denominator;
  /// 0/0 where unknown.
  int64_t frame_rate_numerator, frame_rate_denominator;
  /// In the stream's time base.
  int64_t start_time, duration;
  /// In microseconds.
  int64_t container_duration;
  int has_audio;
  /// The container holds one picture, without a clock.
  int is_image;
  /// The format may jump in time anywhere (broadcast formats).
  int may_jump;
  /// The stream's duration is that of its index or edit list, not a guess.
  int duration_is_indexed;
  int can_seek;
  /// How sure the format detection was, 0 to 100.
  int score;
} media_info;

/// What a decoded frame says of itself.
typedef struct {
  /// In the stream's time base, or MEDIA_NO_TIME.
  int64_t time;
  /// In the stream's time base, or 0 where unknown.
  int64_t duration;
  int width, height;
  int aspect_numerator, aspect_denominator;
  int orientation;
  /// The decoder had to hide damage.
  int damaged;
  const char *pixel_format;
} media_frame_info;

/// Counters since the reader was opened.
typedef struct {
  int64_t packets;
  /// Packets or frames that are marked as damaged or that the decoder refused.
  int64_t damaged;
  /// The container could not be read further in an orderly way.
  int64_t read_errors;
  int last_read_error;
  /// Lowest presentation time of a packet meant to be shown, or MEDIA_NO_TIME.
  int64_t first_packet_time;
  /// The same with packets that an edit list hides, which decoding needs.
  int64_t lowest_packet_time;
} media_counters;

/// Opens a file and the decoder of its main video stream. `url` as FFmpeg takes it. `threads` 1 or
/// more.
int media_open(const char *url, int threads, media_reader **reader, media_info *info);
void media_close(media_reader *reader);
/// The next frame in presentation order: 1 and a frame the caller frees, or 0 at the end. Damage is counted
/// and passed over; what fails is failing for good, such as ENOMEM when no memory is left.
int media_next(media_reader *reader, media_frame **frame, media_frame_info *info);
/// Moves to the last key frame at or before `time` (stream time base).
int media_seek(media_reader *reader, int64_t time);
media_counters media_count(const media_reader *reader);
void media_frame_free(media_frame *frame);

enum { MEDIA_GRAY8 = 0, MEDIA_RGB24 = 1 };

/// A scaler to one size and format; the source may change from frame to frame.
media_scaler *media_scaler_create(int width, int height, int format);
void media_scaler_free(media_scaler *scaler);
/// Scales the stored picture, without its orientation: of an interlaced frame its first field; high dynamic
/// range is brought into the ordinary one. `row_bytes` receives the distance of rows; the pixels stay valid
/// until the next call.
int media_scale(
  media_scaler *scaler, const media_frame *frame, const uint8_t **pixels, int *row_bytes);

typedef struct media_sound media_sound;

/// Opens the main sound stream of a file, to be read as floating-point samples of another rate.
///
/// `channels` 0: two where the stream has two or more, else one. `start`: where reading starts, in samples of
/// `sample_rate` on the container's clock; what begins later is preceded by silence, and so is what follows a gap.
/// Returns 0, a negative error, or a reason of our own. `given_channels` receives the number of channels that are read.
int media_sound_open(
  const char *url, int sample_rate, int channels, int64_t start, media_sound **sound,
  int *given_channels);
void media_sound_close(media_sound *sound);
/// Fills `samples` with up to `frames` interleaved frames; the number read, 0 at the end, negative on failure.
int media_sound_read(media_sound *sound, float *samples, int frames);

/// Encodes tightly packed rows as PNG. The caller frees `*bytes` with media_free.
int media_encode_png(
  const uint8_t *pixels, int width, int height, int format, uint8_t **bytes, size_t *count);
void media_free(void *bytes);

enum {
  MEDIA_AUDIO_AAC = 0,
  MEDIA_AUDIO_PCM16 = 1,
  MEDIA_AUDIO_PCM24 = 2,
  MEDIA_AUDIO_FLAC16 = 3,
  MEDIA_AUDIO_FLAC24 = 4,
  MEDIA_AUDIO_OPUS = 5,
  MEDIA_AUDIO_VORBIS = 6,
};

/// Where a mux failed.
enum {
  MEDIA_MUX_INPUT = 1,
  /// The output container cannot hold the video stream or is not known.
  MEDIA_MUX_CONTAINER = 2,
  MEDIA_MUX_ENCODER = 3,
  MEDIA_MUX_CREATE = 4,
  MEDIA_MUX_WRITE = 5,
  MEDIA_MUX_AUDIO = 6,
};

typedef struct {
  const char *video_url;
  /// The video stream's index and the time (its time base) of its first shown frame.
  int stream;
  int64_t first_time;
  /// The earliest time of any packet before it, hidden ones too.
  int64_t lowest_time;
  const char *output_url;
  /// FFmpeg's short name of the output container.
  const char *container;
  int audio;
  int sample_rate, channels;
  /// Where the sound starts, in samples from the first shown frame.
  int64_t audio_start;
  /// The original's own sound is copied, too, beside the new one.
  int keeps_sound;
  /// Fills `samples` with up to `frames` interleaved frames; the number read, 0 at the end,
  /// negative on failure.
  int (*read)(void *context, float *samples, int frames);
  void *context;
} media_mux_request;

typedef struct {
  int stage;
  /// Streams other than sound that the output container cannot hold.
  int dropped_streams;
  char detail[160];
} media_mux_result;

int media_mux(const media_mux_request *request, media_mux_result *result);
/// Whether a container can hold a codec, both by FFmpeg's short names.
int media_can_hold(const char *container, const char *codec);
/// Whether this FFmpeg can encode `audio`.
int media_can_encode(int audio);

/// The version of the FFmpeg that is loaded.
const char *media_ffmpeg_version(void);

/// FFmpeg's description of an error, or the last message of the library on this thread when it says
/// more. `text` receives at most `size` bytes with the terminator.
void media_error_text(int error, char *text, size_t size);
/// The `errno` inside an FFmpeg error, or 0.
int media_error_number(int error);

#ifdef __cplusplus
}
#endif
