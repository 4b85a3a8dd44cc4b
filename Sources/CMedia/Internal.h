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

// FFmpeg 6.1 moved a stream's side data into its codec parameters.
#define MEDIA_SIDE_DATA_IN_PARAMETERS (LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 102))

/// Sends FFmpeg's log to this thread's memory of its last complaint, instead of standard error.
void media_capture_log(void);
void media_forget_log(void);

/// Opens a container for reading: local files only, never a numbered sequence of pictures.
int media_open_container(const char *url, AVFormatContext **format, int generate_times);

/// The orientation (MEDIA_TRANSPOSE ...) of a display matrix.
int media_orientation(const int32_t *matrix, size_t size);

int64_t media_time(int64_t time);
