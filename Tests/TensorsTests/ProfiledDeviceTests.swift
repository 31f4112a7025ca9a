import Tensors
import TestSupport
import Testing

@Suite struct ProfiledDeviceTests {
    @Test func `each kind of step is counted with what it reads and computes`() throws {
        let inner = try #require(CPUDevice(threads: 1))
        let device = ProfiledDevice(inner)
        var random = SeededGenerator(seed: 11)
        let matrix = RandomMatrix(format: .q8_0, rows: 48, columns: 64, using: &random)
        let weight = try device.prepare([matrix])
        let x = device.tensor((0..<3 * 64).map { Float($0 % 7) }, shape: [3, 64])
        let once = device.linear(x, [Projection(weight)])[0].floats
        _ = device.linear(x, [Projection(weight), Projection(weight)])
        _ = device.linear(x, [Projection(weight)])
        _ = device.embed([1, 2], table: weight)
        #expect(once == inner.linear(x, [Projection(weight)])[0].floats)

        let phases = device.phases
        #expect(phases.map(\.name) == ["linear 64 → 48", "linear 64 → 48 + 48", "embed"])
        #expect(phases.map(\.calls) == [2, 1, 1])
        #expect(phases.map(\.bytes) == [2 * weight.bytes, 2 * weight.bytes, 2 * weight.bytes / 48])
        let products = 2 * 3 * 48 * 64
        #expect(phases.map(\.operations) == [2 * products, 2 * products, 0])
        #expect(phases.allSatisfy { $0.seconds > 0 })
        device.reset()
        #expect(device.phases.isEmpty)
    }
}
