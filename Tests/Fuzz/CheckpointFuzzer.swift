import Foundation
import TestSupport

// The entry points of libFuzzer, which brings its own main(); see Scripts/fuzz.

/// Files as they are; a pickle alone gets an archive around it, so that no checksum stands in the way
/// of the pickle machine.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = UnsafeRawBufferPointer(start: start, count: count)
  if input.first == 0x80 {
    let archive = TorchArchive(
      pickle: Array(input), storages: SampleCheckpoints.storages.map(\.bytes))
    _ = archive.bytes().withUnsafeBytes(exerciseCheckpoint)
  }
  _ = exerciseCheckpoint(input)
  return 0
}

/// Writes the correct files that damage begins with into the folder `FOLEY_FUZZ_SEEDS`.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(
  _ argumentCount: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
  guard let folder = ProcessInfo.processInfo.environment["FOLEY_FUZZ_SEEDS"] else { return 0 }
  let seeds = SampleCheckpoints.all + [2, 4].map(SampleCheckpoints.pickle(protocol:))
  for (index, seed) in seeds.enumerated() {
    do {
      try Data(seed).write(to: URL(fileURLWithPath: folder + "/seed-\(index)"))
    } catch {
      fatalError("a seed cannot be written: \(error)")
    }
  }
  return 0
}
