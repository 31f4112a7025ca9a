import ArgumentParser

/// The one binary.
@main
struct Hybrie: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hybrie",
        abstract: "Runs language models on this machine and serves them through an OpenAI-compatible API.",
        discussion: """
            A MODEL is a GGUF file, a folder in Hugging Face's layout, or the name of something in the store.

              hybrie run MODEL                 talk to a model in the terminal
              hybrie serve MODEL               serve it on http://127.0.0.1:8080/v1
              hybrie pull hf://OWNER/NAME      fetch one from a hub
              hybrie peers                     the nodes that share weights with this one

            Settings come from flags, then environment variables, then $HYBRIE_HOME/hybrie.toml; see docs/configuration.md.
            For completion in your shell: hybrie --generate-completion-script bash (or zsh, fish).
            """,
        version: Hybrie.versionText,
        subcommands: [Serve.self, Run.self, Pull.self, Models.self, Peers.self, Bench.self, Doctor.self])

    static let versionText = "0.1.0"
}
