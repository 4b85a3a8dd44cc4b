import CUDAEmulation
import Tensors
import Testing

/// Every barrier, wait and guard of the kernels is weakened in turn: at least one case must then go wrong. So none is
/// there in vain, and none could be missing without these tests telling.
@Suite struct WeakenedTests {
  @Test func everySiteMatters() {
    let cases = WeakenedTests.makeCases()
    // Which sites each case comes across, and what it gives.
    var reached: [(sites: Set<Int32>, result: [Float])] = []
    for one in cases {
      foley_emulated_forget_sites()
      do {
        let result = try one.run(Variation())
        _ = try one.run(Variation(mode: FoleyEmulationBursty, seed: 2))
        if let objection = one.objection(to: result) { Issue.record("\(one.what): \(objection)") }
        let sites = (0..<foley_emulated_site_count()).filter {
          foley_emulated_site_was_reached($0) != 0
        }
        reached.append((Set(sites.map { Int32($0) }), result))
      } catch {
        Issue.record("\(one.what): \(error)")
        return
      }
    }
    let sites = reached.reduce(into: Set<Int32>()) { $0.formUnion($1.sites) }.sorted()
    print("\(sites.count) sites in \(cases.count) cases")
    #expect(sites.count > 50)
    for site in sites {
      let caught = zip(cases, reached).contains { one, known in
        known.sites.contains(site) && notices(site, one, known.result)
      }
      let place = foley_emulated_site(Int(site))
      let kind =
        switch place.kind {
        case FoleySiteBarrier: "barrier"
        case FoleySiteWarpBarrier: "barrier of a warp"
        case FoleySiteWait: "wait for copies"
        default: "guard"
        }
      #expect(
        caught, "nothing notices a weaker \(kind) in \(String(cString: place.file)):\(place.line)")
    }
  }

  private func notices(_ site: Int32, _ one: KernelCase, _ right: [Float]) -> Bool {
    for seed: UInt64 in 1...3 {
      for mode in [FoleyEmulationLate, FoleyEmulationBursty] {
        // As with whole kernels: a fault, a wrong result, or one that depends on the order.
        guard let found = try? one.run(Variation(mode: mode, seed: seed, weakened: site)) else {
          return true
        }
        if one.objection(to: found) != nil || !sameBits(found, right) { return true }
      }
    }
    return false
  }

  /// Small ones that come across every site, cheapest first.
  private static func makeCases() -> [KernelCase] {
    var cases = RowCases.pairs(
      rows: 7, width: 5, .allRows, x: .f32, y: .f32, out: .f32)
    cases += [
      RowCases.pairs(rows: 7, width: 8, .allRows, x: .f32, y: .f32, out: .f32)[0],
      RowCases.layerNorm(rows: 5, width: 9), RowCases.softmax(rows: 5, width: 9),
      RowCases.headNorm(rows: 3, heads: 3, depth: 10, positions: 3),
      ChannelCases.depthwise(length: 9, channels: 3, kernel: 3, .same(kernel: 3)),
      ChannelCases.depthwisePicture(
        height: 5, width: 4, channels: 3, kernel: (3, 3), Convolution2D(padding: 1), .identity),
      ChannelCases.grouped(
        length: 9, channels: 4, output: 6, kernel: 3, .same(kernel: 3, groups: 2)),
      ChannelCases.average(batch: 2, places: 20, channels: 40),
      ChannelCases.gather(.f32, to: .f32, table: [7, 9], columns: 2..<7, rows: [6, 0, 3]),
      ChannelCases.transpose([2, 17, 33]), ChannelCases.transpose([1, 40, 40]),
      IntegerKernelCases.rounding(rows: 5, width: 9, to: .i8),
      IntegerKernelCases.finish(length: 9, columns: 5, kernel: 3, .same(kernel: 3)),
      IntegerKernelCases.finish(length: 6, columns: 8, kernel: 3, .same(kernel: 3)),
    ]
    let matrix = ProductCase(length: 70, input: 200, output: 68)
    var epilogue = ProductCase(length: 66, input: 40, output: 67, bias: true, residual: .f32)
    epilogue.gate = .picked
    cases += [
      ProductCase(kernel: .fewRows, length: 3, input: 40, output: 12, bias: true).made(),
      ProductCase(kernel: .fewRows, length: 13, input: 520, output: 12, bias: true).made(),
      ProductCase(kernel: .guarded, batch: 2, length: 35, input: 37, output: 66).made(),
      ProductCase(kernel: .guarded, input: 3, output: 5, spoiltRow: 28)
        .picture(height: 8, width: 5, kernel: (3, 3), Convolution2D(padding: 1)),
      ProductCase(
        kernel: .guarded, batch: 2, length: 21, input: 5, output: 9, taps: (3, .same(kernel: 3))
      ).made(),
      ProductCase(kernel: .guarded, batch: 2, input: 3, output: 10)
        .picture(height: 7, width: 6, kernel: (3, 3), Convolution2D(padding: 1)),
      epilogue.made(), matrix.made(),
      ProductCase(length: 20, input: 24, output: 12, taps: (3, .same(kernel: 3))).made(),
      ProductCase(batch: 2, input: 8, output: 10)
        .picture(height: 6, width: 5, kernel: (3, 3), Convolution2D(padding: 1)),
      ProductCase(length: 9, input: 200, output: 20, splits: 3).made(),
      ProductCase(length: 9, input: 200, output: 21, splits: 3).made(),
      ProductCase(length: 7, input: 16, output: 12)
        .transposed(kernel: 6, TransposedConvolution1D(stride: 3, padding: 1)),
    ]
    cases += [
      AttentionCase(depth: 6, queries: 3, keys: 140, plain: true, storage: .f32).made(),
      AttentionCase(depth: 130, queries: 3, keys: 20, plain: true, storage: .f32).made(),
      AttentionCase(depth: 32, heads: 1, queries: 5, keys: 9).made(),
      AttentionCase(depth: 32, heads: 1, queries: 64, keys: 200).made(),
      AttentionCase(depth: 64, heads: 1, queries: 64, keys: 200).made(),
    ]
    return cases
  }
}
