#include "Internal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_message[256];
static pthread_once_t installed = PTHREAD_ONCE_INIT;

static void capture(void *context, int level, const char *format, va_list arguments) {
  (void)context;
  if (level > AV_LOG_ERROR) return;
  char message[sizeof last_message];
  vsnprintf(message, sizeof message, format, arguments);
  size_t length = strcspn(message, "\r\n");
  message[length] = 0;
  if (length > 0) memcpy(last_message, message, length + 1);
}

static void install(void) { av_log_set_callback(capture); }

void media_capture_log(void) { pthread_once(&installed, install); }

void media_forget_log(void) { last_message[0] = 0; }

void media_error_text(int error, char *text, size_t size) {
  if (size == 0) return;
  char description[AV_ERROR_MAX_STRING_SIZE] = "unknown error";
  av_strerror(error, description, sizeof description);
  // "Invalid data found when processing input" says nothing; the message before it often does.
  if (last_message[0] && media_error_number(error) == 0)
    snprintf(text, size, "%s (%s)", description, last_message);
  else
    snprintf(text, size, "%s", description);
}

int media_error_number(int error) {
  // FFmpeg's own errors are four characters, far beyond any errno.
  return error < 0 && error > -4096 ? AVUNERROR(error) : 0;
}

void media_free(void *bytes) { av_free(bytes); }

const char *media_ffmpeg_version(void) { return av_version_info(); }
