/// RoBERTa's tokenizer: text is cut into words, numbers, signs and blanks, whose UTF-8 bytes are merged
/// pair by pair into the longest tokens a learned order of merges leads to. Every text has tokens; none
/// are unknown.
///
/// Equal to the fast tokenizer of the `transformers` library, which for a text with the literal name of a
/// special token, such as `</s>`, gives that token.
public struct BytePairTokenizer: Sendable {
  public let beginning: Int
  public let end: Int
  public let padding: Int
  /// One more than the largest id.
  public let vocabularySize: Int

  private let bytes: [Int32]
  private let merges: [BytePair: BytePairMerge]
  private let specials: [SpecialToken]

  /// Reads `vocab.json` and `merges.txt`.
  public init(vocabulary: String, merges: String) throws(BytePairFailure) {
    self.init(try BytePairTables(vocabulary: vocabulary, merges: merges))
  }

  /// Reads `tokenizer.json`, which holds both and the special tokens.
  public init(tokenizer: String) throws(BytePairFailure) {
    self.init(try BytePairTables(tokenizer: tokenizer))
  }

  init(_ tables: BytePairTables) {
    beginning = tables.beginning
    end = tables.end
    padding = tables.padding
    vocabularySize = tables.vocabularySize
    bytes = tables.bytes
    merges = tables.merges
    specials = tables.specials
  }

  /// Ids of a text between the beginning and end tokens.
  ///
  /// - Parameter limit: the most ids given, at least 2; a longer text loses its end. Nil: no limit.
  public func callAsFunction(_ text: String, limit: Int? = nil) -> [Int] {
    precondition(limit ?? 2 >= 2, "no room for the beginning and the end")
    let room = limit.map { $0 - 2 } ?? .max
    let scalars = Array(text.unicodeScalars)
    var ids: [Int] = []
    for part in SpecialToken.split(scalars, at: specials) where ids.count < room {
      switch part {
      case .special(let id): ids.append(id)
      case .text(let range):
        var start = range.lowerBound
        while start < range.upperBound, ids.count < room {
          let stop = BytePairWords.end(of: start, in: scalars, before: range.upperBound)
          ids += tokens(scalars[start..<stop])
          start = stop
        }
      }
    }
    return [beginning] + ids.prefix(room) + [end]
  }

  /// Ids of one word: of its pairs of neighbours, the one with the lowest rank is merged, the first of
  /// several, until none is in the table. Pairs wait in a heap, so a word of n bytes takes n log n steps.
  private func tokens(_ word: ArraySlice<Unicode.Scalar>) -> [Int] {
    var ids: [Int32] = []
    for scalar in word { for byte in UTF8.encode(scalar)! { ids.append(bytes[Int(byte)]) } }
    // Neighbours that are still there; a merged token takes the place of its left part.
    var next = Array(1...ids.count)
    var previous = Array(-1..<ids.count - 1)
    var heap = BytePairHeap()
    func consider(_ left: Int) {
      guard left >= 0, next[left] < ids.count else { return }
      let pair = BytePair(left: ids[left], right: ids[next[left]])
      if let merge = merges[pair] {
        heap.insert(.init(rank: merge.rank, place: Int32(left), pair: pair, result: merge.result))
      }
    }
    for place in 0..<ids.count - 1 { consider(place) }
    while let candidate = heap.removeFirst() {
      let left = Int(candidate.place)
      let right = next[left]
      // Merges since may have taken away either part.
      guard ids[left] == candidate.pair.left, right < ids.count,
        ids[right] == candidate.pair.right
      else { continue }
      ids[left] = candidate.result
      ids[right] = -1
      next[left] = next[right]
      if next[left] < ids.count { previous[next[left]] = left }
      consider(previous[left])
      consider(left)
    }
    return ids.compactMap { $0 < 0 ? nil : Int($0) }
  }
}

/// Two neighbouring tokens.
struct BytePair: Hashable, Sendable {
  let left, right: Int32
}

/// What two tokens become, and how early: lower ranks go first.
struct BytePairMerge: Sendable {
  let rank, result: Int32
}

/// Merges that may be made, the lowest rank first, of equal ones the leftmost.
private struct BytePairHeap {
  struct Candidate {
    let rank, place: Int32
    let pair: BytePair
    let result: Int32

    func precedes(_ other: Candidate) -> Bool { (rank, place) < (other.rank, other.place) }
  }

  private var items: [Candidate] = []

  mutating func insert(_ candidate: Candidate) {
    items.append(candidate)
    var child = items.count - 1
    while child > 0, items[child].precedes(items[(child - 1) / 2]) {
      items.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeFirst() -> Candidate? {
    guard let first = items.first else { return nil }
    let last = items.removeLast()
    guard !items.isEmpty else { return first }
    items[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < items.count && items[child].precedes(items[least]) {
        least = child
      }
      if least == parent { return first }
      items.swapAt(parent, least)
      parent = least
    }
  }
}
