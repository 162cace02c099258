// Partoo's two environments: where the API is, and which key signs the webhooks.
// Source: developers.partoo.co, "Ingest message" and "Webhooks", read in November 2026.

export const environments = {
  production: {
    baseUrl: 'https://api.partoo.co/v2',
    webhookPublicKey: 'MCowBQYDK2VwAyEA0G9ciHL6XZQXuWq6W4dFLvwNEPWgcdtQgEVlBIwZWBQ=',
  },
  sandbox: {
    baseUrl: 'https://api.sandbox.partoo.co/v2',
    webhookPublicKey: 'MCowBQYDK2VwAyEALsyvX2yVnG3ZKRIFfEvYk2nkzanoNgAqBSqdeNub4sM=',
  },
} as const

export type Environment = keyof typeof environments

/** An Ed25519 public key (base64 of its SPKI form) as a PEM block. */
export function publicKeyPem(base64: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`
}
