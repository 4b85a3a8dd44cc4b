import Foundation

/// Runs work on a thread of its own; wait for it by the group.
func onThread(_ work: @escaping @Sendable () -> Void) -> DispatchGroup {
  let group = DispatchGroup()
  group.enter()
  Thread.detachNewThread {
    work()
    group.leave()
  }
  return group
}
