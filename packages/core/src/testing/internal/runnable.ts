/** Holds the tasks that can run now: one list a priority, the lowest number first. */
import type { Chooser } from "./choice.ts"

export type Task = () => void

class Bucket {
  readonly priority: number
  private tasks: Array<Task> = []
  private head = 0
  constructor(priority: number) {
    this.priority = priority
  }
  get size(): number {
    return this.tasks.length - this.head
  }
  push(task: Task): void {
    this.tasks.push(task)
  }
  take(index: number): Task {
    const { tasks } = this
    const at = this.head + index
    const task = tasks[at]!
    if (at === tasks.length - 1) tasks.pop()
    else if (index === 0) this.head++
    else tasks[at] = tasks.pop()!
    if (this.head === tasks.length) {
      tasks.length = 0
      this.head = 0
    } else if (this.head > 1024 && this.head * 2 > tasks.length) {
      this.tasks = tasks.slice(this.head)
      this.head = 0
    }
    return task
  }
}

export class Runnable {
  private readonly ordinary = new Bucket(0)
  /** All but priority 0, sorted. There are one or two of them at most, so they are scanned. */
  private readonly others: Array<Bucket> = []

  /** How many tasks stand beside each other at priority 0. */
  get ordinarySize(): number {
    return this.ordinary.size
  }

  push(task: Task, priority: number): void {
    if (priority === 0) return this.ordinary.push(task)
    let i = 0
    while (i < this.others.length && this.others[i]!.priority < priority) i++
    if (this.others[i]?.priority !== priority) this.others.splice(i, 0, new Bucket(priority))
    this.others[i]!.push(task)
  }

  /** Takes one of the tasks with the lowest priority number, or nothing. */
  take(chooser: Chooser): Task | undefined {
    const bucket = this.first()
    if (bucket === undefined) return undefined
    return bucket.take(bucket.size === 1 ? 0 : chooser.pick(bucket.size))
  }

  private first(): Bucket | undefined {
    for (const bucket of this.others) {
      if (bucket.priority > 0) break
      if (bucket.size > 0) return bucket
    }
    if (this.ordinary.size > 0) return this.ordinary
    for (const bucket of this.others) if (bucket.size > 0) return bucket
    return undefined
  }
}
