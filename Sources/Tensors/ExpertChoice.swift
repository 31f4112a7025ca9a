import Foundation

/// The experts of one token: softmax over all, the `used` largest, of equal ones the lower index.
struct ExpertChoice {
    let experts: [Int]
    let weights: [Float]

    init(logits: [Float], used: Int, isNormalised: Bool) {
        let largest = logits.max() ?? 0
        let exponentials = logits.map { exp($0 - largest) }
        let total = exponentials.reduce(0, +)
        var chosen: [Int] = []
        for (expert, value) in exponentials.enumerated() {
            guard chosen.count < used || value > exponentials[chosen[used - 1]] else { continue }
            let place = chosen.firstIndex { exponentials[$0] < value } ?? chosen.count
            chosen.insert(expert, at: place)
            if chosen.count > used { chosen.removeLast() }
        }
        experts = chosen
        let divisor = isNormalised ? chosen.reduce(0) { $0 + exponentials[$1] } : total
        weights = chosen.map { exponentials[$0] / divisor }
    }
}

/// Checks that matrices can be stacked.
func commonShape(of matrices: [any StoredMatrix]) throws(TensorError) -> (format: BlockFormat, rows: Int, columns: Int)
{
    guard let first = matrices.first else { throw .unusableMatrix(name: "", reason: "there is none") }
    for matrix in matrices {
        guard matrix.rows == first.rows, matrix.columns == first.columns, matrix.format == first.format else {
            throw .unusableMatrix(name: matrix.name, reason: "its shape or format differs from that of '\(first.name)'")
        }
        let (elements, overflow) = matrix.rows.multipliedReportingOverflow(by: matrix.columns)
        guard !overflow, matrix.rows > 0, matrix.columns > 0, matrix.format.bytes(forElements: matrix.columns) != nil,
            matrix.format.bytes(forElements: elements) == matrix.byteCount
        else {
            throw .unusableMatrix(
                name: matrix.name,
                reason: "\(matrix.rows) x \(matrix.columns) is no whole number of \(matrix.format.name) blocks")
        }
    }
    return (first.format, first.rows, first.columns)
}
