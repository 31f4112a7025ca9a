import OrderedJSON

/// The description of the routes that `/openapi.json` gives.
enum OpenAPI {
    static func document(version: String) -> JSONValue {
        ["openapi": "3.1.0", "info": ["title": "HybrIE", "version": .string(version)], "paths": [:]]
    }
}
