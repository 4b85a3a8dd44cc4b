#pragma once

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "CMedia.h"

// What differs between FFmpeg 4.3 and 9. Built and tested with 5.1; compiled, not run, with the headers of 4.3,
// 7.1 and 9.0.
#define MEDIA_CHANNEL_LAYOUTS (LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 24, 100))
#define MEDIA_FRAME_FLAGS (LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100))
// FFmpeg 6.1 moved a stream's side data into its codec parameters.
#define MEDIA_SIDE_DATA_IN_PARAMETERS (LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102))

/// Sends FFmpeg's log to this thread's memory of its last complaint, instead of standard error.
void media_capture_log(void);
void media_forget_log(void);

/// Opens a container for reading: local files only, never a numbered sequence of pictures.
int media_open_container(const char *url, AVFormatContext **format, int generate_times);

/// The orientation (MEDIA_TRANSPOSE ...) of a display matrix.
int media_orientation(const int32_t *matrix, size_t size);

/// Brings pixels made from a frame of high dynamic range (PQ, HLG) into the ordinary one; leaves others alone.
void media_tone_map(
  uint8_t *pixels, int row_bytes, int width, int height, int format, const AVFrame *frame);

int64_t media_time(int64_t time);

/// Whether `error` is the want of memory itself. Damaged files make FFmpeg ask for absurd amounts, and it
/// then answers the same.
int media_is_out_of_memory(int error);
