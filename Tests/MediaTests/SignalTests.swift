import Foundation
import Testing

@testable import Media

/// Signals that are not one plain picture after the other: two fields in a frame, high dynamic range.
@Suite struct SignalTests {
  /// A bar moves by 8 columns every 1/50 s; both fields together would show it twice.
  @Test(arguments: ["top", "bottom"]) func interlacedFramesShowTheirFirstField(_ first: String)
    throws
  {
    let path = try Clips.make(
      "fields-\(first).ts",
      [
        "-f", "lavfi", "-i", "color=s=160x64:r=50:d=0.4:c=black,format=yuv420p",
        "-vf",
        "geq=lum='if(lt(X,8*N),16,if(lt(X,8*N+24),235,16))':cb=128:cr=128,"
          + "tinterlace=mode=interleave_\(first)", "-c:v", "mpeg2video", "-q:v", "2",
        "-flags", "+ildct+ilme", "-top", first == "top" ? "1" : "0", "-bf", "0",
      ])
    let reader = try VideoReader(path: path)
    var shown = 0
    while let frame = try reader.next() {
      #expect(frame.time == Rational(Int64(shown), 25))
      let picture = try frame.picture(width: 160, height: 32, format: .gray8)
      let bar = 16 * shown..<16 * shown + 24
      for row in stride(from: 4, to: 28, by: 4) {
        let bright = (0..<160).filter { picture.bytes[row * 160 + $0] > 127 }
        #expect(bright == Array(bar.clamped(to: 0..<160)), "row \(row) of frame \(shown)")
        let between = (0..<160).count { (70...185).contains(picture.bytes[row * 160 + $0]) }
        #expect(between <= 2, "combs or ghosts in row \(row) of frame \(shown)")
      }
      shown += 1
    }
    #expect(shown == 10)
  }

  /// A picture that was brought into high dynamic range comes back as it was; its code values taken as they
  /// are would be far off.
  @Test(arguments: ["smpte2084", "arib-std-b67"])
  func highDynamicRangeBecomesOrdinary(_ transfer: String) throws {
    let source = [
      "-f", "lavfi", "-i", "gradients=s=320x180:seed=1:c0=0x102840:c1=0xC8A878", "-frames:v", "1",
    ]
    let plain = try Clips.make("ordinary.png", source)
    func wide(_ name: String, marked: String) throws -> String {
      try Clips.make(
        name,
        source + [
          "-vf",
          "format=gbrp,"
            + "setparams=color_trc=iec61966-2-1:color_primaries=bt709:colorspace=gbr:range=pc,"
            + "zscale=t=linear:npl=203,format=gbrpf32le,"
            + "zscale=p=bt2020:t=\(transfer):m=2020_ncl:r=limited:npl=203,format=yuv420p10le",
          "-c:v", "ffv1", "-color_trc", marked, "-color_primaries", "bt2020",
          "-colorspace", "bt2020nc", "-color_range", "tv",
        ])
    }
    let right = try wide("\(transfer).mkv", marked: transfer)
    let wrong = try wide("\(transfer)-unmarked.mkv", marked: "bt709")
    for format in [PictureFormat.rgb24, .gray8] {
      func pixels(_ path: String) throws -> [Double] {
        let frame = try #require(try VideoReader(path: path).next())
        return try frame.picture(width: 160, height: 90, format: format).bytes.map(Double.init)
      }
      let expected = try pixels(plain)
      func difference(_ path: String) throws -> Double {
        try zip(expected, pixels(path)).map { abs($0 - $1) }.reduce(0, +) / Double(expected.count)
      }
      #expect(try difference(right) < 5.5)
      #expect(try difference(wrong) > 10)
    }
  }
}
