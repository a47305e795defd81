// What a run has proven, as a table that a person can read.

interface Step {
  readonly name: string;
  readonly proven: string;
  readonly ms: number;
}

export class Steps {
  readonly #steps: Step[] = [];

  add(name: string, proven: string, ms: number): void {
    this.#steps.push({ name, proven, ms });
  }

  /** Does it and notes how long it took. @param proven what was proven, or how to say it of what `work` returns */
  async time<Value>(
    name: string,
    proven: string | ((value: Value) => string),
    work: () => Promise<Value>,
  ): Promise<Value> {
    const began = performance.now();
    const value = await work();
    this.add(name, typeof proven === "string" ? proven : proven(value), performance.now() - began);
    return value;
  }

  toString(): string {
    const width = Math.max(4, ...this.#steps.map(({ name }) => name.length));
    const rows = this.#steps.map(({ name, proven, ms }) => `${name.padEnd(width)}  ${seconds(ms)}  ${proven}`);
    return [`${"step".padEnd(width)}  ${"seconds".padStart(7)}  proven`, ...rows].join("\n");
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2).padStart(7);
}
