/// The formats of strings that are enforced, as patterns.
enum StringFormats {
    private static let month31 = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    private static let month30 = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    private static let february = "02-(?:0[1-9]|1[0-9]|2[0-8])"
    /// Years that divide by 4, and by 400 if they divide by 100.
    private static let leapYear =
        "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
    private static let date = "(?:[0-9]{4}-(?:\(month31)|\(month30)|\(february))|\(leapYear)-02-29)"
    private static let time =
        "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    private static let label = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
    private static let duration =
        "P(?:[0-9]{1,9}W|(?:[0-9]{1,9}Y(?:[0-9]{1,9}M(?:[0-9]{1,9}D)?)?|[0-9]{1,9}M(?:[0-9]{1,9}D)?|[0-9]{1,9}D)"
        + "(?:T\(clock))?|T\(clock))"
    private static let clock = "(?:[0-9]{1,9}H(?:[0-9]{1,9}M(?:[0-9]{1,9}S)?)?|[0-9]{1,9}M(?:[0-9]{1,9}S)?|[0-9]{1,9}S)"

    /// A pattern for `format`: never wider than the format, in places narrower (no comments in mail addresses, no
    /// leap seconds, IPv6 written in full). Other formats are annotations, as JSON Schema 2020-12 has it.
    static func pattern(of format: String) -> String? {
        switch format {
        case "date": "^\(date)$"
        case "time": "^\(time)$"
        case "date-time": "^\(date)T\(time)$"
        case "duration": "^\(duration)$"
        case "uuid": "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
        case "email":
            "^[A-Za-z0-9_%+-]{1,32}(?:\\.[A-Za-z0-9_%+-]{1,32}){0,3}@(?:\(label)\\.){1,3}[A-Za-z]{2,12}$"
        case "hostname": "^\(label)(?:\\.\(label)){0,4}$"
        case "ipv4": "^\(octet)(?:\\.\(octet)){3}$"
        case "ipv6": "^[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}$"
        case "uri":
            "^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\\[\\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$"
        default: nil
        }
    }
}
