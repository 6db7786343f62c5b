/** A thread without a pool: answers each message. */
import { parentPort } from "node:worker_threads"
parentPort!.on("message", (ms: number) => setTimeout(() => parentPort!.postMessage(ms), ms))
