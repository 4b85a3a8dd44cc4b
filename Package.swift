// swift-tools-version: 6.2
import PackageDescription

let cSettings: [CSetting] = [.unsafeFlags(["-O3"])]

// Scripts tell it; it is a matter of one small file.
let commit = Context.environment["FOLEY_COMMIT"].map {
  CSetting.define(
    "FOLEY_COMMIT", to: "\"\($0.filter { $0.isLetter || $0.isNumber || $0 == "+" })\"")
}

let package = Package(
  name: "foley",
  products: [
    .executable(name: "foley", targets: ["foley"]),
    .executable(name: "foley-bench", targets: ["foley-bench"]),
    // Loaded by tests in place of NVIDIA's driver.
    .library(name: "MockCUDA", type: .dynamic, targets: ["MockCUDA"]),
    .library(name: "EmulatedCUDA", type: .dynamic, targets: ["CUDAEmulation"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C libraries of the system, and our C.
    .systemLibrary(
      name: "CFFmpeg", pkgConfig: "libavformat", providers: [.apt(["libavformat-dev"])]),
    .systemLibrary(name: "CSndFile", pkgConfig: "sndfile", providers: [.apt(["libsndfile1-dev"])]),
    .systemLibrary(
      name: "CEbur128", pkgConfig: "libebur128", providers: [.apt(["libebur128-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "CMedia", dependencies: ["CFFmpeg", "CProcess"], cSettings: cSettings,
      // pkg-config names libavformat alone, and C sources do not see the module map's link lines.
      linkerSettings: ["avcodec", "swresample", "swscale", "avutil"].map { .linkedLibrary($0) }),
    .target(name: "CKernels", cSettings: cSettings),
    .target(name: "CCuda", exclude: ["kernels", "artefacts"], cSettings: cSettings),
    .target(name: "CProcess", cSettings: cSettings),
    .target(name: "CVersion", cSettings: cSettings + (commit.map { [$0] } ?? [])),

    // Threads that are sure to exist.
    .target(name: "Threads", dependencies: ["CKernels"]),

    // Arithmetic: values, the protocol every device implements, and its implementations.
    .target(name: "Tensors"),
    .target(name: "CPUBackend", dependencies: ["Tensors", "Threads", "CKernels"]),
    .target(name: "ReferenceBackend", dependencies: ["Tensors"]),

    // GPUs: memory, streams, kernels; and the arithmetic on them.
    .target(name: "CUDADevice", dependencies: ["CCuda"]),
    .target(name: "CUDABackend", dependencies: ["CUDADevice", "CCuda", "Tensors"]),

    // Weights, networks, and the sampler that runs them.
    .target(name: "Checkpoints", dependencies: ["Tensors", "CZlib"]),
    .target(name: "Networks", dependencies: ["Checkpoints", "Tensors"]),
    .target(name: "Sampling", dependencies: ["Networks", "Checkpoints", "Tensors"]),

    // What needs no network: the picture's motion, the sound's spectrum.
    .target(name: "Motion", dependencies: ["Tensors"]),
    .target(name: "Signal", dependencies: ["Tensors", "Threads", "Checkpoints", "CKernels"]),

    // Frames to the pictures that published networks look at.
    .target(name: "Imaging", dependencies: ["CKernels"]),

    // Video in, audio out.
    .target(name: "Media", dependencies: ["CMedia", "CSndFile", "CEbur128"]),

    // The product.
    .target(
      name: "FoleyKit",
      dependencies: [
        "Networks", "Sampling", "Motion", "Signal", "Imaging", "Media", "Checkpoints", "Tensors",
        "Threads",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "foley",
      dependencies: [
        "FoleyKit", "CPUBackend", "CUDABackend", "CUDADevice", "Checkpoints", "CProcess",
        "CVersion",
        "Media", "Motion", "Networks", "Sampling", "Tensors", "Threads",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(
      name: "foley-bench",
      dependencies: [
        "FoleyKit", "Networks", "Sampling", "Signal", "Imaging", "Media", "Checkpoints", "Tensors",
        "CPUBackend", "CUDABackend", "CUDADevice", "ReferenceBackend", "CZlib", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(
      name: "TestSupport", dependencies: ["Networks", "Checkpoints", "Tensors", "CZlib"],
      path: "Tests/TestSupport"),
    .target(name: "MockCUDA", path: "Tests/MockCUDA", cSettings: cSettings),
    .testTarget(name: "CUDADeviceTests", dependencies: ["CUDADevice", "TestSupport"]),
    // The device code, run on the host.
    .target(
      name: "CUDAEmulation", path: "Tests/CUDAEmulation", cxxSettings: [.unsafeFlags(["-O2"])]),
    .testTarget(
      name: "CUDAKernelTests",
      dependencies: ["CUDAEmulation", "ReferenceBackend", "Tensors", "TestSupport"]),
    .testTarget(
      name: "CUDABackendTests",
      dependencies: [
        "CUDABackend", "CUDAEmulation", "ReferenceBackend", "Tensors", "TestSupport", "foley-bench",
      ]),
    .testTarget(name: "CCudaTests", dependencies: ["FoleyKit"]),
    .testTarget(
      name: "CheckpointsTests",
      dependencies: ["Checkpoints", "ReferenceBackend", "FoleyKit", "TestSupport"]),
    .testTarget(
      name: "CPUBackendTests",
      dependencies: ["CPUBackend", "ReferenceBackend", "Threads", "TestSupport"]),
    .testTarget(
      name: "NetworksTests",
      dependencies: ["Networks", "foley-bench", "ReferenceBackend", "CPUBackend", "TestSupport"]),
    .testTarget(
      name: "SamplingTests",
      dependencies: ["Sampling", "ReferenceBackend", "CPUBackend", "TestSupport"]),
    .testTarget(name: "MotionTests", dependencies: ["Motion", "Tensors", "TestSupport"]),
    .testTarget(name: "SignalTests", dependencies: ["Signal", "ReferenceBackend", "TestSupport"]),
    .testTarget(name: "ImagingTests", dependencies: ["Imaging", "TestSupport"]),
    .testTarget(name: "MediaTests", dependencies: ["Media", "TestSupport"]),
    .testTarget(
      name: "FoleyKitTests",
      dependencies: ["FoleyKit", "CPUBackend", "Checkpoints", "Tensors", "TestSupport"]),
    .testTarget(
      name: "foleyTests", dependencies: ["foley", "foley-bench", "Tensors", "TestSupport"],
      exclude: ["Snapshots", "slurm_node.py"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)

// Scripts/fuzz sets this: libFuzzer brings a main() of its own and needs the whole build instrumented.
if Context.environment["FOLEY_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "foley-fuzz", dependencies: ["TestSupport"], path: "Tests/Fuzz",
      swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}

// Scripts/test sets this; elsewhere a newer compiler's new warning should not keep anyone from building.
if Context.environment["FOLEY_WARNINGS_ARE_ERRORS"] != nil {
  for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + [.treatAllWarnings(as: .error)]
    target.cSettings = (target.cSettings ?? []) + [.treatAllWarnings(as: .error)]
    target.cxxSettings = (target.cxxSettings ?? []) + [.treatAllWarnings(as: .error)]
  }
}
