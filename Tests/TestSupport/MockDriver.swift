import Foundation

/// A CUDA driver without a GPU (Tests/MockCUDA), loaded for one test: each has a copy of its own, so that tests that
/// run side by side know nothing of one another.
public final class MockDriver: @unchecked Sendable {
  /// Runs a kernel: its name, its arguments, grid, block, shared memory; 0 says that it was done.
  public typealias Launch =
    @convention(c) (
      UnsafePointer<CChar>?, UnsafeRawPointer?, Int, UnsafePointer<UInt32>?, UnsafePointer<UInt32>?,
      Int
    ) -> Int32

  /// Told of memory that comes, or with 0 bytes goes.
  public typealias Memory = @convention(c) (UnsafeRawPointer?, Int) -> Void

  /// What is told at the end.
  public struct Report: Decodable, Sendable {
    public let calls: Int
    public let functions: [String: Int]
    public let violations: [String]
    public let launches: [String: Int]
    public let pending: Int
    public let peakBytes: Int
    public let leaks: [String: Int]

    /// What should not be: nothing, where all is well.
    public var faults: [String] {
      violations + leaks.filter { $0.value != 0 }.map { "\($0.value) \($0.key) left" }.sorted()
        + (pending == 0 ? [] : ["\(pending) pieces of work left"])
    }
  }

  /// Built into the same folder as the tests.
  public static let library = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("libMockCUDA.so")

  /// Of this copy.
  public let path: String
  private let handle: UnsafeMutableRawPointer

  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// - Parameter folder: where the copy lies, for as long as the mock is used.
  public init(in folder: URL, _ words: String = "") throws {
    let copy = folder.appendingPathComponent("libMockCUDA-\(UUID().uuidString).so")
    try FileManager.default.copyItem(at: Self.library, to: copy)
    path = copy.path
    guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
      throw Failure(description: String(cString: dlerror()))
    }
    self.handle = handle
    try configure(words)
  }

  /// Starts over as what these words say (MockCUDA.h).
  public func configure(_ words: String) throws {
    typealias Configure = @convention(c) (UnsafePointer<CChar>) -> Void
    try function("mock_cuda_configure", as: Configure.self)(words)
  }

  public func setLaunch(_ launch: Launch?) throws {
    typealias Set = @convention(c) (Launch?) -> Void
    try function("mock_cuda_set_launch", as: Set.self)(launch)
  }

  /// While no memory is allocated.
  public func setMemory(_ memory: Memory?) throws {
    typealias Set = @convention(c) (Memory?) -> Void
    try function("mock_cuda_set_memory", as: Set.self)(memory)
  }

  public func report() throws -> Report {
    typealias Write = @convention(c) (UnsafeMutablePointer<CChar>, Int) -> Int
    var text = [CChar](repeating: 0, count: 1 << 16)
    let length = try function("mock_cuda_report", as: Write.self)(&text, text.count)
    let bytes = text.prefix(length).map { UInt8(bitPattern: $0) }
    return try JSONDecoder().decode(Report.self, from: Data(bytes))
  }

  private func function<Function>(_ name: String, as type: Function.Type) throws -> Function {
    guard let symbol = dlsym(handle, name) else {
      throw Failure(description: "the mock has no \(name)")
    }
    return unsafeBitCast(symbol, to: type)
  }
}
