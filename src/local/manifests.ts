import { Ajv, type ValidateFunction } from "ajv";
import { parseDocument } from "yaml";
import { err, ok, type Result } from "#core/result.ts";

/** The parts of Kubernetes' and Argo CD's objects that are used here; everything else in a manifest is left to a real cluster. */
export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } };
}

export interface ProbeManifest {
  readonly httpGet?: { readonly path?: string; readonly port: string | number };
  readonly tcpSocket?: { readonly port: string | number };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
  readonly successThreshold?: number;
}

export interface ContainerManifest {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly subPath?: string;
    readonly readOnly?: boolean;
  }[];
  readonly startupProbe?: ProbeManifest;
  readonly livenessProbe?: ProbeManifest;
  readonly readinessProbe?: ProbeManifest;
  readonly lifecycle?: object;
}

export interface KeyToPath {
  readonly key: string;
  readonly path: string;
}

export interface ConfigMapSource {
  readonly name: string;
  readonly optional?: boolean;
  readonly items?: readonly KeyToPath[];
}

export interface VolumeManifest {
  readonly name: string;
  readonly configMap?: ConfigMapSource;
  readonly projected?: {
    readonly sources: readonly {
      readonly configMap?: ConfigMapSource;
      readonly serviceAccountToken?: { readonly path: string };
    }[];
  };
  readonly emptyDir?: object;
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodManifest {
  readonly containers: readonly ContainerManifest[];
  readonly volumes?: readonly VolumeManifest[];
  readonly serviceAccountName?: string;
  readonly terminationGracePeriodSeconds?: number;
}

export interface StatefulSetManifest {
  readonly kind: "StatefulSet";
  readonly metadata: Metadata;
  readonly spec: {
    readonly replicas?: number;
    readonly template: { readonly metadata?: Omit<Metadata, "name">; readonly spec: PodManifest };
  };
}

export interface ConfigMapManifest {
  readonly kind: "ConfigMap";
  readonly metadata: Metadata;
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

export interface ServiceManifest {
  readonly kind: "Service";
  readonly metadata: Metadata;
  readonly spec: {
    readonly selector?: Readonly<Record<string, string>>;
    readonly ports?: readonly {
      readonly name?: string;
      readonly port: number;
      readonly targetPort?: string | number;
    }[];
  };
}

export interface ApplicationManifest {
  readonly kind: "Application";
  readonly metadata: Metadata;
  readonly spec: { readonly source: { readonly path: string }; readonly destination?: { readonly namespace?: string } };
}

export interface OtherManifest {
  readonly kind: "Other";
  readonly type: string;
  readonly metadata: Metadata;
}

export type Manifest = StatefulSetManifest | ConfigMapManifest | ServiceManifest | ApplicationManifest | OtherManifest;

const text = { type: "string" } as const;
const dnsName = { type: "string", pattern: "^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$" } as const;
const label = { type: "string", pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" } as const;
const relativePath = {
  type: "string",
  pattern: "^(?!\\.\\.?(?:/|$))(?!.*/\\.\\.?(?:/|$))[^/\\u0000]{1,253}(?:/[^/\\u0000]{1,253}){0,8}$",
} as const;
const fileKey = { type: "string", pattern: "^(?!\\.\\.)[A-Za-z0-9._-]{1,253}$" } as const;
const texts = { type: "object", additionalProperties: text } as const;
const count = { type: "integer", minimum: 0, maximum: 86_400 } as const;
const positive = { type: "integer", minimum: 1, maximum: 86_400 } as const;
const port = { anyOf: [label, { type: "integer", minimum: 1, maximum: 65_535 }] } as const;

const metadata = {
  type: "object",
  required: ["name"],
  properties: { name: dnsName, namespace: label, labels: texts, annotations: texts },
} as const;

const configMapSource = {
  type: "object",
  required: ["name"],
  properties: {
    name: dnsName,
    optional: { type: "boolean" },
    items: {
      type: "array",
      maxItems: 1000,
      items: { type: "object", required: ["key", "path"], properties: { key: fileKey, path: relativePath } },
    },
  },
} as const;

const probe = {
  type: "object",
  properties: {
    httpGet: {
      type: "object",
      required: ["port"],
      properties: { path: { type: "string", pattern: "^/[!-~]*$" }, port },
    },
    tcpSocket: { type: "object", required: ["port"], properties: { port } },
    exec: false,
    grpc: false,
    initialDelaySeconds: count,
    periodSeconds: positive,
    timeoutSeconds: positive,
    failureThreshold: positive,
    successThreshold: positive,
  },
  oneOf: [{ required: ["httpGet"] }, { required: ["tcpSocket"] }],
} as const;

const container = {
  type: "object",
  required: ["name", "image"],
  properties: {
    name: label,
    image: { type: "string", minLength: 1, maxLength: 500 },
    command: false,
    envFrom: false,
    args: { type: "array", items: text, maxItems: 200 },
    env: {
      type: "array",
      maxItems: 500,
      items: {
        type: "object",
        required: ["name"],
        properties: {
          name: { type: "string", pattern: "^[A-Za-z_][A-Za-z0-9_.-]*$" },
          value: { type: "string", pattern: "^[^\\u0000]*$" },
          valueFrom: {
            type: "object",
            required: ["fieldRef"],
            properties: { fieldRef: { type: "object", required: ["fieldPath"], properties: { fieldPath: text } } },
          },
        },
      },
    },
    ports: {
      type: "array",
      maxItems: 50,
      items: {
        type: "object",
        required: ["containerPort"],
        properties: { name: label, containerPort: { type: "integer", minimum: 1, maximum: 65_535 } },
      },
    },
    resources: {
      type: "object",
      properties: { limits: { type: "object", additionalProperties: { type: ["string", "number"] } } },
    },
    volumeMounts: {
      type: "array",
      maxItems: 100,
      items: {
        type: "object",
        required: ["name", "mountPath"],
        properties: {
          name: label,
          mountPath: { type: "string", pattern: "^/[^:\\u0000]+$" },
          subPath: relativePath,
          readOnly: { type: "boolean" },
        },
      },
    },
    startupProbe: probe,
    livenessProbe: probe,
    readinessProbe: probe,
    lifecycle: { type: "object" },
  },
} as const;

const volume = {
  type: "object",
  required: ["name"],
  // Closed: a volume of another kind would silently be missing.
  additionalProperties: false,
  properties: {
    name: label,
    configMap: configMapSource,
    projected: {
      type: "object",
      required: ["sources"],
      properties: {
        sources: {
          type: "array",
          maxItems: 100,
          items: {
            type: "object",
            additionalProperties: false,
            properties: {
              configMap: configMapSource,
              serviceAccountToken: { type: "object", required: ["path"], properties: { path: relativePath } },
            },
          },
        },
      },
    },
    emptyDir: { type: "object" },
    persistentVolumeClaim: { type: "object", required: ["claimName"], properties: { claimName: dnsName } },
  },
} as const;

const pod = {
  type: "object",
  required: ["containers"],
  properties: {
    containers: { type: "array", minItems: 1, maxItems: 10, items: container },
    initContainers: { type: "array", maxItems: 0 },
    volumes: { type: "array", maxItems: 100, items: volume },
    serviceAccountName: dnsName,
    terminationGracePeriodSeconds: count,
  },
} as const;

const schemas = {
  StatefulSet: {
    type: "object",
    required: ["metadata", "spec"],
    properties: {
      metadata: { ...metadata, properties: { ...metadata.properties, name: label } },
      spec: {
        type: "object",
        required: ["template"],
        properties: {
          replicas: { type: "integer", minimum: 0, maximum: 1 },
          volumeClaimTemplates: { type: "array", maxItems: 0 },
          template: {
            type: "object",
            required: ["spec"],
            properties: { metadata: { type: "object", properties: { labels: texts, annotations: texts } }, spec: pod },
          },
        },
      },
    },
  },
  ConfigMap: {
    type: "object",
    required: ["metadata"],
    properties: {
      metadata,
      data: { type: "object", propertyNames: fileKey, additionalProperties: text },
      binaryData: {
        type: "object",
        propertyNames: fileKey,
        additionalProperties: { type: "string", pattern: "^[A-Za-z0-9+/=\\s]*$" },
      },
    },
  },
  Service: {
    type: "object",
    required: ["metadata", "spec"],
    properties: {
      metadata,
      spec: {
        type: "object",
        properties: {
          selector: texts,
          ports: {
            type: "array",
            items: {
              type: "object",
              required: ["port"],
              properties: { name: label, port: { type: "integer" }, targetPort: port },
            },
          },
        },
      },
    },
  },
  Application: {
    type: "object",
    required: ["metadata", "spec"],
    properties: {
      metadata,
      spec: {
        type: "object",
        required: ["source"],
        properties: {
          source: { type: "object", required: ["path"], properties: { path: { type: "string", minLength: 1 } } },
          destination: { type: "object", properties: { namespace: label } },
        },
      },
    },
  },
  Other: { type: "object", required: ["metadata"], properties: { metadata } },
} as const;

export type ManifestReader = (path: string, text: string) => Result<Manifest, string>;

const bytesMax = 3 * 2 ** 20;

/** Makes the reader of one YAML file with one object: parsed, its used parts checked, or a sentence that says what is wrong and where. */
export function manifestReader(): ManifestReader {
  const ajv = new Ajv({ allErrors: false, strict: false });
  const validators = new Map<string, ValidateFunction>(
    Object.entries(schemas).map(([kind, schema]) => [kind, ajv.compile(schema)]),
  );
  return (path, source) => {
    if (source.length > bytesMax) return err(`${path} is larger than ${bytesMax} bytes`);
    const document = parseDocument(source, { uniqueKeys: true, prettyErrors: true });
    const broken = document.errors[0];
    if (broken !== undefined) return err(`${path} is not YAML: ${broken.message.split("\n")[0] ?? ""}`);
    const value = toPlain(document);
    if (typeof value !== "object" || value === null || !("kind" in value) || typeof value.kind !== "string") {
      return err(`${path} holds no Kubernetes object: it has no kind`);
    }
    const known = value.kind in schemas ? value.kind : "Other";
    const validate = validators.get(known);
    if (validate === undefined || !validate(value)) {
      const problem = validate?.errors?.[0];
      const place = (problem?.instancePath ?? "").slice(1).replaceAll("/", ".");
      return err(
        `${path} cannot be used here: ${place === "" ? value.kind : place} ${explain(problem?.keyword, problem?.message)}`,
      );
    }
    if (known === "Other")
      return ok({ kind: "Other", type: value.kind, metadata: (value as unknown as { metadata: Metadata }).metadata });
    return ok(value as Manifest);
  };
}

function explain(keyword: string | undefined, message: string | undefined): string {
  if (keyword === "false schema")
    return "is not supported by the embedded cluster; remove it or run this in a real cluster";
  return message ?? "is malformed";
}

function toPlain(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return undefined; // An alias: our renderer writes none, and a bomb is made of them.
  }
}
