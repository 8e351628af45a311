import type { MigrationState } from "../../ports/migrator.ts";
import type { Version } from "../../core/units.ts";
import { version } from "../../core/units.ts";
import type { Writer } from "./records.ts";
import type { Stage } from "./stage.ts";

type Phase = "expand" | "contract";

/** The schema changes of each deployment, by name, and how often each really ran. */
export class Ledgers {
  /** What a rehearsal of the live revision's queries finds. */
  rehearsal: MigrationState["rehearsal"] = "clean";
  readonly #stage: Stage;
  readonly #ran = new Map<string, number>();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  state(changes: string): MigrationState {
    const applied = (["expand", "contract"] as const).filter((phase) => this.times(changes, phase) > 0);
    return { applied, rehearsal: this.rehearsal };
  }

  version(changes: string): Version {
    return version(`${this.times(changes, "expand")}${this.times(changes, "contract")}`);
  }

  times(changes: string, phase: Phase): number {
    return this.#ran.get(`${changes}/${phase}`) ?? 0;
  }

  /** Runs the statements. Whoever calls asks the ledger first. */
  run(changes: string, phase: Phase, by: Writer): void {
    const times = this.times(changes, phase) + 1;
    this.#ran.set(`${changes}/${phase}`, times);
    this.#stage.record({ is: "migrated", changes, phase, times, rehearsal: this.rehearsal, by });
  }
}
