import CEbur128
import CMedia
import CSndFile

/// The libraries of the system that media go through, by the versions that are loaded.
public enum LibraryVersions {
  public static var all: [(name: String, version: String)] {
    var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
    ebur128_get_version(&major, &minor, &patch)
    // "libsndfile-1.2.0"
    let sound = String(cString: sf_version_string())
    return [
      ("FFmpeg", String(cString: media_ffmpeg_version())),
      ("libsndfile", sound.split(separator: "-").dropFirst().joined(separator: "-")),
      ("libebur128", "\(major).\(minor).\(patch)"),
    ]
  }
}
