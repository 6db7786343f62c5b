/** A child process without a pool: answers each message. */
process.on("message", (ms: number) => setTimeout(() => process.send!(ms), ms))
process.on("disconnect", () => process.exit())
