import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { AddressRules } from "./address-rules.ts";

const to = (hostname: string, port = 443) => ({ hostname, port });

describe("without an allow-list", () => {
  const rules = new AddressRules([]);

  test.each(["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "::ffff:8.8.8.8"])("%s may be called", (address) => {
    expect(rules.refuses(to("service.example"), address)).toBeUndefined();
  });

  test.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "carrierGradeNat"],
    ["100.100.100.200", "carrierGradeNat"],
    ["169.254.169.254", "linkLocal"],
    ["168.63.129.16", "metadata"],
    ["192.0.0.192", "reserved"],
    ["198.18.0.1", "reserved"],
    ["224.0.0.1", "multicast"],
    ["255.255.255.255", "broadcast"],
    ["::1", "loopback"],
    ["::", "unspecified"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:a9fe:a9fe", "linkLocal"],
    ["::127.0.0.1", "loopback"],
    ["64:ff9b::7f00:1", "rfc6052"],
    ["64:ff9b:1::7f00:1", "rfc6052"],
    ["2002:7f00:1::", "6to4"],
    ["2001:0:7f00::1", "teredo"],
    ["fe80::1", "linkLocal"],
    ["fe80::1%eth0", "linkLocal"],
    ["fec0::1", "deprecatedSiteLocal"],
    ["fd00:ec2::254", "uniqueLocal"],
    ["ff02::1", "multicast"],
    ["2001:db8::1", "reserved"],
  ])("%s is refused as %s", (address, range) => {
    expect(rules.refuses(to("service.example"), address)).toContain(range);
  });

  test.each([22, 25, 110, 445])("port %i is refused, as other low ports that do not speak HTTP", (port) => {
    expect(rules.refuses(to("service.example", port), "8.8.8.8")).toContain(`port ${port}`);
    expect(rules.refuses(to("service.example", 8_443), "8.8.8.8")).toBeUndefined();
  });

  test("what is no address is refused", () => {
    expect(rules.refuses(to("service.example"), "nonsense")).toBeDefined();
  });
});

describe("an allow-list", () => {
  test("opens an address, a network or a name, on one port or on all", () => {
    const rules = new AddressRules([
      "127.0.0.1",
      "10.0.0.0/8",
      "localhost:8080",
      "[::1]:9090",
      "192.168.0.1:81",
      "fd00::/8",
    ]);
    const allowed = [
      ["any", 1, "127.0.0.1"],
      ["any", 443, "10.9.8.7"],
      ["localhost", 8_080, "127.0.0.2"],
      ["any", 9_090, "::1"],
      ["any", 81, "192.168.0.1"],
      ["any", 5, "fd12::1"],
      ["any", 1, "::ffff:127.0.0.1"],
    ] as const;
    for (const [hostname, port, address] of allowed) {
      expect(rules.refuses(to(hostname, port), address), address).toBeUndefined();
    }
    const refused = [
      ["any", 443, "127.0.0.2"],
      ["localhost", 8_081, "127.0.0.2"],
      ["other", 8_080, "127.0.0.2"],
      ["any", 9_091, "::1"],
      ["any", 80, "192.168.0.1"],
      ["any", 443, "11.0.0.1:"],
    ] as const;
    for (const [hostname, port, address] of refused) {
      expect(rules.refuses(to(hostname, port), address), address).toBeDefined();
    }
  });

  test("takes IPv6 addresses and networks bare", () => {
    const rules = new AddressRules(["::1", "fc00::/7"]);
    expect(rules.refuses(to("any", 1), "::1")).toBeUndefined();
    expect(rules.refuses(to("any", 1), "fdab::1")).toBeUndefined();
  });

  test("takes every form that the configuration does", () => {
    const forms = ["10.1.2.3", "10.1.2.3:8080", "::1", "[::1]:8080", "10.0.0.0/8", "fd00::/8", "::ffff:10.1.2.3"];
    expect(() => new AddressRules(forms)).not.toThrow();
  });

  test.each(["", "10.0.0.0/33", "a b", "host:0", "host:99999", "http://x", "[::1", "[zz]:1"])(
    "refuses the entry %j",
    (entry) => {
      expect(() => new AddressRules([entry])).toThrow(RangeError);
    },
  );
});

describe("ports of Millrace itself", () => {
  const everything = ["0.0.0.0/0", "::/0", "localhost", "127.0.0.1:7401"];
  const rules = new AddressRules(everything, [7400, 7401]);
  const addresses = Object.values(networkInterfaces()).flatMap((own) => (own ?? []).map(({ address }) => address));

  test.each([...["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:7f00:1"], ...addresses])(
    "stay closed at %s, whatever is allowed",
    (address) => {
      for (const port of [7400, 7401]) {
        expect(rules.refuses(to("localhost", port), address)).toBe(`port ${port} of this machine is Millrace's own`);
      }
      expect(rules.refuses(to("localhost", 7402), address)).toBeUndefined();
    },
  );

  test("are open at other machines", () => {
    expect(rules.refuses(to("other.internal", 7400), "10.255.255.254")).toBeUndefined();
  });
});
