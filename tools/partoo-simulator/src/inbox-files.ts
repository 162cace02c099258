// Owns the inbox page's files: which there are and how they are served. The page itself is in inbox/.

import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeAnswer } from './http-io.ts'

const files: Record<string, { name: string; type: string }> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/inbox.css': { name: 'inbox.css', type: 'text/css; charset=utf-8' },
  '/inbox.js': { name: 'inbox.js', type: 'text/javascript; charset=utf-8' },
  '/page-model.js': { name: 'page-model.js', type: 'text/javascript; charset=utf-8' },
  '/view.js': { name: 'view.js', type: 'text/javascript; charset=utf-8' },
  '/words.js': { name: 'words.js', type: 'text/javascript; charset=utf-8' },
  '/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
}

/** Message texts are untrusted: should one ever get into the page as markup, it could load and run nothing. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Serves one file of the inbox, or 404. */
export async function serveInbox(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const file = files[path]
  if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
    writeAnswer(response, { status: 404, json: { errors: { not_found: 'no such page; the inbox is at /' } } })
    return
  }
  const text = await readFile(new URL(`./inbox/${file.name}`, import.meta.url), 'utf8')
  writeAnswer(response, {
    status: 200,
    text: request.method === 'HEAD' ? '' : text,
    headers: {
      'Content-Type': file.type,
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': contentSecurityPolicy,
      'X-Content-Type-Options': 'nosniff',
    },
  })
}
