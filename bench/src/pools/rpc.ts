/** The procedure that Effect RPC calls in its workers: what `tasks.add` is to a flavour. */
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"

export const Calls = RpcGroup.make(
  Rpc.make("add", { payload: Schema.Struct({ a: Schema.Number, b: Schema.Number }), success: Schema.Number })
)
