import Tensors
import Testing

@Suite struct ChannelTests {
  @Test func depthwise() {
    for channels in [1, 8, 13] {
      ChannelCases.depthwise(length: 20, channels: channels, kernel: 7, .same(kernel: 7)).check()
      ChannelCases.depthwise(
        length: 20, channels: channels, kernel: 4,
        Convolution1D(stride: 2, dilation: 3, paddingBefore: 2, paddingAfter: 1)
      ).check()
    }
    ChannelCases.depthwise(
      length: 20, channels: 12, kernel: 3, .same(kernel: 3), .bf16, to: .bf16
    ).check()
  }

  @Test func depthwiseOfPictures() {
    for channels in [5, 8] {
      ChannelCases.depthwisePicture(
        height: 9, width: 7, channels: channels, kernel: (3, 5),
        Convolution2D(stride: 2, paddingTop: 1, paddingLeft: 2, paddingBottom: 0, paddingRight: 1),
        .relu6
      ).check()
    }
  }

  @Test func grouped() {
    for groups in [1, 2, 4] {
      ChannelCases.grouped(
        length: 15, channels: 12, output: 8, kernel: 3,
        Convolution1D(stride: 2, dilation: 2, groups: groups, paddingBefore: 2, paddingAfter: 1)
      ).check()
    }
  }

  @Test func average() {
    for (batch, places, channels) in [(1, 1, 1), (2, 49, 70), (3, 7, 32)] {
      ChannelCases.average(batch: batch, places: places, channels: channels).check()
    }
    ChannelCases.average(batch: 2, places: 20, channels: 40, .bf16).check()
  }

  @Test(arguments: Storage.allCases) func gather(storage: Storage) {
    for out in [Storage.f32, .bf16] {
      ChannelCases.gather(
        storage, to: out, table: [30, 37], columns: 3..<36, rows: [4, 29, 0, 4, 17]
      ).check()
      ChannelCases.gather(storage, to: out, table: [12, 24], columns: 8..<20, rows: nil).check()
    }
  }

  @Test func joining() {
    ChannelCases.joinRows(batch: 2, lengths: [7, 0, 40], channels: 33, .f32).check()
    ChannelCases.joinRows(batch: 3, lengths: [5, 8], channels: 16, .bf16).check()
    ChannelCases.joinColumns(rows: 30, widths: [5, 40, 8]).check()
  }

  @Test func transposition() {
    for shape in [[1, 1, 1], [2, 17, 33], [1, 64, 48], [3, 5, 100]] as [Shape] {
      ChannelCases.transpose(shape).check()
    }
    ChannelCases.transpose([2, 40, 9], .bf16).check()
  }
}
