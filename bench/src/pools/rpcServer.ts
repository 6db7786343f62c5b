/** A worker of Effect RPC. The platform is what `@effect/platform-node` does in its `NodeWorkerRunner`, in short. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import { parentPort } from "node:worker_threads"
import { Calls } from "./rpc.ts"

const port = parentPort!

const Platform = Layer.succeed(WorkerRunner.WorkerRunnerPlatform, {
  start: <O, I>() =>
    Effect.succeed<WorkerRunner.WorkerRunner<O, I>>({
      run: (handler) =>
        Effect.contextWith((context) => {
          const fork = Effect.runForkWith(context)
          port.on("message", (message: WorkerRunner.PlatformMessage<I>) => {
            if (message[0] === 1) return port.close()
            const handled = handler(0, message[1])
            if (Effect.isEffect(handled)) fork(handled as Effect.Effect<unknown, unknown, never>)
          })
          port.postMessage([0])
          return Effect.never
        }),
      send: (_port, message, transfers) => Effect.sync(() => port.postMessage([1, message], transfers as never)),
      sendUnsafe: (_port, message, transfers) => port.postMessage([1, message], transfers as never)
    })
})

const Server = RpcServer.layer(Calls).pipe(
  Layer.provide(Calls.toLayer({ add: ({ a, b }) => Effect.succeed(a + b) })),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(Platform)
)

Effect.runFork(Layer.launch(Server))
