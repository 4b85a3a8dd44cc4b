import Foundation

/// A queue between one thread that makes things and one that uses them. It holds few of them: a
/// maker that is ahead waits, so memory does not grow with the length of the clip.
final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
  private let condition = NSCondition()
  private let capacity: Int
  private var elements: [Element] = []
  private var end: Result<Void, any Error>?
  private var abandoned = false

  init(capacity: Int) { self.capacity = capacity }

  /// Waits for room. False when nobody wants more: the maker should stop.
  func put(_ element: Element) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while elements.count >= capacity && !abandoned { condition.wait() }
    guard !abandoned else { return false }
    elements.append(element)
    condition.signal()
    return true
  }

  /// The maker is done, or has failed.
  func finish(_ result: Result<Void, any Error>) {
    condition.lock()
    defer { condition.unlock() }
    end = result
    condition.signal()
  }

  /// Waits for the next element; nil at the end; throws what the maker failed with.
  func next() throws -> Element? {
    condition.lock()
    defer { condition.unlock() }
    while elements.isEmpty && end == nil { condition.wait() }
    guard elements.isEmpty else {
      let element = elements.removeFirst()
      condition.signal()
      return element
    }
    try end?.get()
    return nil
  }

  /// The user wants no more.
  func abandon() {
    condition.lock()
    defer { condition.unlock() }
    abandoned = true
    elements = []
    condition.signal()
  }
}
