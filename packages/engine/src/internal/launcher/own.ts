/** Tells one's own job from one that is shared by a key. */
import type * as Job from "../../Job.ts"
import type { Run } from "../run.ts"

/** Whether a handle is of the very job that was submitted: with a key it may be the job of somebody else. */
export const isOwn = (job: Job.Job<unknown, unknown, unknown>, handle: Job.Handle<unknown, unknown>): boolean =>
  (handle as unknown as Run).slot.job === (job as unknown)
