/// The points that a lattice format's indices stand for: rows of 8 (IQ1, IQ2) or 4 (IQ3) values.
struct LatticeGrid: Sendable {
    /// Values of one point after the other.
    let points: [Float]

    static let iq2_xxs = LatticeGrid(LatticeTables.iq2_xxs, bits: 2, values: [0x08, 0x19, 0x2B])
    static let iq2_xs = LatticeGrid(LatticeTables.iq2_xs, bits: 2, values: [0x08, 0x19, 0x2B])
    static let iq2_s = LatticeGrid(LatticeTables.iq2_s, bits: 2, values: [0x08, 0x19, 0x2B])
    static let iq3_xxs = LatticeGrid(
        LatticeTables.iq3_xxs, bits: 4, values: [0x04, 0x0C, 0x14, 0x1C, 0x24, 0x2C, 0x34, 0x3E])
    static let iq3_s = LatticeGrid(LatticeTables.iq3_s, bits: 4, values: [1, 3, 5, 7, 9, 11, 13, 15])
    static let iq1 = LatticeGrid(LatticeTables.iq1, bits: 2, values: [-1, 0, 1])

    /// Unpacks a table in hexadecimal whose bytes hold numbers of `bits` bits, lowest first, that index `values`.
    private init(_ table: StaticString, bits: UInt8, values: [Float]) {
        let mask: UInt8 = 1 << bits - 1
        let digits = table.description.utf8.map { $0 < UInt8(ascii: "a") ? $0 &- UInt8(ascii: "0") : $0 &- 87 }
        var points: [Float] = []
        points.reserveCapacity(digits.count * 4 / Int(bits))
        for pair in stride(from: 0, to: digits.count, by: 2) {
            let byte = digits[pair] << 4 | digits[pair + 1]
            for shift in stride(from: 0, to: 8, by: Int(bits)) { points.append(values[Int(byte >> shift & mask)]) }
        }
        self.points = points
    }
}
