// A real nginx before a gateway.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { Process, freePort, listening } from "./process.js";

export class Nginx {
  private constructor(
    readonly process: Process,
    readonly port: number,
  ) {}

  /** Starts one with its defaults, and these directives. */
  static async before(gateway: { port: number }, directives: string): Promise<Nginx> {
    const port = await freePort();
    const process = new Process(globalThis.process.env.NGINX ?? "/usr/sbin/nginx", (folder) => {
      writeFileSync(join(folder, "nginx.conf"), configuration(port, gateway.port, directives));
      return ["-p", folder, "-c", "nginx.conf", "-e", "stderr"];
    });
    await listening(port);
    return new Nginx(process, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/events`;
  }

  end(): Promise<void> {
    return this.process.end();
  }
}

/** One process, so that nothing is left when it is killed, and nothing outside its own folder. */
function configuration(port: number, upstream: number, directives: string): string {
  return `
    daemon off;
    master_process off;
    pid nginx.pid;
    events {}
    http {
      access_log off;
      client_body_temp_path body;
      proxy_temp_path proxy;
      fastcgi_temp_path fastcgi;
      uwsgi_temp_path uwsgi;
      scgi_temp_path scgi;
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://127.0.0.1:${upstream};
          ${directives}
        }
      }
    }`;
}
