import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Fault } from "#core/result.ts";

// The part of ccxt that is used here, by its own names. Its classes are JavaScript; what they answer is checked before it is believed.

/** Whatever ccxt answers; nothing in it is sure. */
export type Unsure = { readonly [key: string]: unknown };

export interface CcxtExchange {
  readonly id: string;
  readonly has: { readonly [method: string]: unknown };
  readonly markets?: { readonly [symbol: string]: Unsure };
  timeout: number;
  /** Sees each answer before it is read. @returns its body */
  onRestResponse?: (
    status: number,
    text: string,
    url: string,
    method: string,
    headers: unknown,
    body: string,
  ) => string;
  loadMarkets(): Promise<unknown>;
  loadTimeDifference?(): Promise<unknown>;
  setSandboxMode?(enabled: boolean): void;
  createOrder(
    symbol: string,
    type: string,
    side: string,
    amount: number,
    price: number | undefined,
    params: object,
  ): Promise<Unsure>;
  cancelOrder(id: string, symbol: string): Promise<unknown>;
  fetchOrder(id: string, symbol: string, params: object): Promise<Unsure>;
  fetchOpenOrders(symbol: string): Promise<readonly Unsure[]>;
  fetchClosedOrders(symbol: string): Promise<readonly Unsure[]>;
  fetchOrders(symbol: string): Promise<readonly Unsure[]>;
  fetchMyTrades(symbol: string): Promise<readonly Unsure[]>;
}

/**
 * The body of an answer. ccxt reads an order without any fields, that is a new one, out of what is not JSON: a proxy's page of HTML, half an answer.
 *
 * @throws Error where an answer that seems good is not JSON: then nothing is known
 */
export function jsonBody(...[status, , , , , body]: Parameters<NonNullable<CcxtExchange["onRestResponse"]>>): string {
  if (status >= 200 && status < 300) {
    try {
      JSON.parse(body);
    } catch (cause) {
      throw new Error("the venue's answer is not JSON", { cause });
    }
  }
  return body.trim();
}

export type CcxtClass = new (settings: object) => CcxtExchange;

/**
 * One exchange's class. Only its own file is read: all of ccxt would take 100 MB more. The package is the live gateway's alone, so it is looked for
 * when it is needed and not before.
 *
 * @throws Fault `ccxt-missing`, `exchange-unknown`
 */
export async function loadExchange(id: string): Promise<CcxtClass> {
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve("ccxt");
  } catch (cause) {
    throw new Fault("ccxt-missing", "this gateway has no package ccxt, which venues of the kind ccxt need", { cause });
  }
  try {
    const loaded = (await import(new URL(`../js/src/${id}.js`, pathToFileURL(entry)).href)) as {
      readonly default: CcxtClass;
    };
    return loaded.default;
  } catch (cause) {
    throw new Fault("exchange-unknown", `ccxt has no exchange ${id}`, { cause });
  }
}

/**
 * The keys that an operator put into a Secret: one file a key, named as ccxt names them.
 *
 * @throws Fault `keys-unreadable`; it names no value
 */
export function readKeys(folder: string): { readonly [name: string]: string } {
  let names: readonly string[];
  try {
    names = readdirSync(folder).filter((name) => !name.startsWith("."));
  } catch (cause) {
    throw new Fault("keys-unreadable", `the venue's keys in ${folder} cannot be read`, { cause });
  }
  const unknown = names.find((name) => !keyNames.includes(name));
  if (unknown !== undefined)
    throw new Fault("keys-unreadable", `${folder} holds ${unknown}, which is no key of an exchange`);
  if (names.length === 0) throw new Fault("keys-unreadable", `there are no keys in ${folder}`);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8").trim()]));
}

const keyNames = ["apiKey", "secret", "password", "uid", "login", "twofa", "privateKey", "walletAddress", "token"];
