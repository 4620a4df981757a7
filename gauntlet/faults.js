// What is broken on purpose, for all alike.

const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000));

/** By name: what it is called, what it does, and how. */
export const FAULTS = {
  kill: {
    title: "Kill a gateway",
    words:
      "one of the two servers of each kind gets SIGKILL, and is started again after 3 s; the other one the same, 5 s later",
    async run({ kinds }) {
      // Nobody knows here on which of them a page is.
      for (const index of [0, 1]) {
        const struck = Object.values(kinds).map((servers) => servers[index]);
        await Promise.all(struck.map((server) => server.stop("SIGKILL")));
        await seconds(3);
        await Promise.all(struck.map((server) => server.start()));
        await seconds(5);
      }
    },
  },
  redis: {
    title: "Restart Redis",
    words: "SIGKILL, and after 2 s it is there again; what is published waits for it",
    async run({ redis }) {
      await redis.stop("SIGKILL");
      await seconds(2);
      await redis.start();
    },
  },
  freeze: {
    title: "Freeze the link",
    words:
      "the connections of all servers to Redis pass nothing for 10 s, without being closed; then they are reset. New ones pass",
    async run({ link }) {
      const cut = link.freeze();
      await seconds(10);
      cut();
    },
  },
  deploy: {
    title: "Rolling deploy",
    words: "SIGTERM to one server of each kind, wait for its end, start it, wait until it is ready; then the other one",
    async run({ kinds }) {
      const deploy = async (server) => {
        await server.stop("SIGTERM");
        await server.start();
        await seconds(2);
      };
      await Promise.all(
        Object.values(kinds).map(async ([one, two]) => {
          await deploy(one);
          await deploy(two);
        }),
      );
    },
  },
  cut: {
    title: "Cut the browsers",
    words: "the balancer ends every connection of a browser; all servers stay up",
    async run(stage) {
      await stage.cutBrowsers();
      await seconds(6);
    },
  },
  away: {
    title: "All gateways away",
    words: "SIGKILL to all servers of each kind; after 5 s they are started again",
    async run({ servers }) {
      await Promise.all(servers.map((server) => server.stop("SIGKILL")));
      await seconds(5);
      await Promise.all(servers.map((server) => server.start()));
    },
  },
};
