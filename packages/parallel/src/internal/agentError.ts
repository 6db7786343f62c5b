/** The typed error of agents' gathers, and its words. */
import * as Data from "effect/Data"
import type { Reason } from "../AgentGather.ts"
import { line } from "./agentText.ts"

/** @internal */
export class AgentGatherError extends Data.TaggedError("AgentGatherError")<{ readonly reason: Reason }> {
  override get message(): string {
    return messages(this.reason)
  }
}

const quote = (name: string): string => JSON.stringify(line(name, 80))

const some = (names: ReadonlyArray<string>): string => {
  const shown = names.slice(0, 20).map((name) => line(name, 80))
  return shown.join(", ") + (names.length > shown.length ? ` and ${names.length - shown.length} more` : "")
}

const messages = (reason: Reason): string => {
  switch (reason._tag) {
    case "NoTasks":
      return "there are no tasks: give at least one"
    case "TooManyTasks":
      return `${reason.got} tasks are too many for one call, at most ${reason.max} are allowed; nothing has started`
    case "DuplicateId":
      return `two tasks have the id ${quote(reason.id)}, each needs one of its own; nothing has started`
    case "UnknownAgent":
      return `there is no agent ${quote(reason.agent)}, the agents are ${some(reason.known)}; nothing has started`
    case "NoSuchTask":
      return reason.known.length === 0
        ? `no task ${quote(reason.id)} is running`
        : `${quote(reason.id)} is not the id of one task, there are ${some(reason.known)}`
    case "Closed": {
      const { account } = reason
      return `the agent gather is closed; ${account === undefined ? "nothing has started" : `${account.completed} of ${account.total} tasks had finished`}`
    }
  }
}
