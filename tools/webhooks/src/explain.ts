// Owns what a person is told of a call to Partoo that failed: what happened, and what to do next.

import type { Failure } from '@bridge/partoo/webhook-administration'
import type { Mask } from './address.ts'
import type { Settings } from './settings.ts'

/** What was tried: `what` reads on after "Could not"; `changes`: it may have taken effect without an answer. */
export type Attempt = { what: string; changes: boolean }

/** Tells a failure in one or two lines. */
export function explain(
  failure: Failure,
  { what, changes }: Attempt,
  settings: Settings,
  mask: Mask,
  nowMs = Date.now(),
): string[] {
  const begin = `Could not ${what}`
  const told = 'told' in failure && failure.told !== '' ? [`Partoo answered: ${mask.text(failure.told)}`] : []
  switch (failure.kind) {
    case 'unauthorized':
      return [
        `${begin}: the API key is not known at ${settings.where} (401). Check PARTOO_API_KEY, and that it is a key of that environment (PARTOO_ENVIRONMENT); it needs ORG_ADMIN or PROVIDER rights.`,
        ...told,
      ]
    case 'forbidden':
      return [
        `${begin}: the API key may not (403). It needs ORG_ADMIN or PROVIDER rights${organization(settings)}.`,
        ...told,
      ]
    case 'not-found':
      return [
        `${begin}: Partoo does not know it (404). It may be gone meanwhile: \`list\` tells. Or PARTOO_BASE_URL (${settings.baseUrl}) is wrong: it ends with /v2.`,
        ...told,
      ]
    case 'refused':
      return [
        `${begin}: Partoo refuses it (${failure.status}). Its own words say what to change${organization(settings)}.`,
        ...told,
      ]
    case 'limited': {
      const at = new Date(nowMs + failure.retryAfterMs).toTimeString().slice(0, 8)
      return [
        `${begin}: the organization's rate limit at Partoo is used up (429), the ingestor's calls included. Try again at ${at}, in ${Math.ceil(failure.retryAfterMs / 1_000)} s.`,
      ]
    }
    case 'unavailable':
      return [
        `${begin}: ${failure.detail} from ${settings.where}. ${changes ? 'It may have taken effect all the same: run `list`, then the same command again.' : 'Try again; if it stays so, check PARTOO_BASE_URL and the network.'}`,
        ...told,
      ]
    case 'misdirected':
      return [
        `${begin}: what answers at ${settings.baseUrl} is not Partoo's API (${failure.status}: ${failure.detail}). Check PARTOO_BASE_URL (it ends with /v2), and proxies on the way.`,
      ]
  }
}

function organization({ orgId }: Settings): string {
  return orgId === undefined
    ? '; a PROVIDER key needs PARTOO_ORG_ID too'
    : `, for organization ${orgId} (PARTOO_ORG_ID), the id that was sent`
}
