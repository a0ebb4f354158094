"""The generated client authentik-client of PyPI through the life of every model: create, read, list, change, replace, uses, delete."""
import authentik_client
from authentik_client.exceptions import NotFoundException

from support.report import short
from support.server import Signet

from .models import VIEWS, rows

STEPS = ("create", "read", "list", "patch", "put", "used_by", "delete", "gone")


class Client:
    def __init__(self, server, report):
        self.report = report
        configuration = authentik_client.Configuration(host=f"{server.base}/api/v3", access_token=server.token)
        self.http = authentik_client.ApiClient(configuration)
        self.table = {}

    def method(self, api, name):
        return getattr(getattr(authentik_client, api)(self.http), name)

    def step(self, row, step, action):
        """Runs one step; the answer, or None after a failure, which it prints."""
        try:
            value = action()
        except Exception as error:  # whatever the client raises is the finding
            self.table.setdefault(row.label, {})[step] = False
            self.report.fail(f"{row.label}: {step}", f"{type(error).__name__}: {short(str(error), 900)}")
            return None
        self.table.setdefault(row.label, {})[step] = True
        self.report.passed += 1
        return value

    def grow(self, row, made):
        """Everything but the end."""
        body = self.step(row, "create", lambda: row.body(made) if callable(row.body) else row.body)
        if body is None:
            return
        self.table[row.label] = {}
        self.report.passed -= 1
        one = self.step(row, "create", lambda: self.method(row.api, row.prefix + "_create")(body))
        if one is None:
            return
        made[row.label] = one
        key = getattr(one, row.key)
        call = lambda verb: self.method(row.api, f"{row.prefix}_{verb}")  # noqa: E731

        def patched():
            answer = call("partial_update")(key, row.patch)
            for name, wanted in row.patch.items():
                got = getattr(answer, name)
                assert getattr(got, "value", got) == wanted, f"{name} is {got!r}, not {wanted!r}"

        def listed():
            found = call("list")(page_size=100)
            assert key in [getattr(item, row.key) for item in found.results], f"not among {found.pagination.count} results"

        self.step(row, "read", lambda: call("retrieve")(key))
        self.step(row, "list", listed)
        self.step(row, "patch", patched)
        self.step(row, "put", lambda: call("update")(key, {**body, **row.patch}))
        self.step(row, "used_by", lambda: call("used_by_list")(key))

    def end(self, row, made):
        if row.label not in made:
            return
        key = getattr(made[row.label], row.key)

        def gone():
            try:
                self.method(row.api, row.prefix + "_retrieve")(key)
            except NotFoundException:
                return True
            raise AssertionError("it is still there")

        self.step(row, "delete", lambda: self.method(row.api, row.prefix + "_destroy")(key) or True)
        self.step(row, "gone", gone)

    def view(self, what, api, name, arguments, made):
        keys = {"application": "slug"}
        try:
            self.method(api, name)(**{k: getattr(made[label], keys.get(label, "pk")) for k, label in arguments.items()})
            self.report.ok(what)
        except Exception as error:
            self.report.fail(f"{what} ({name})", f"{type(error).__name__}: {short(str(error), 900)}")

    def print_table(self):
        width = max(map(len, self.table))
        print("   " + " " * width + "  " + "  ".join(STEPS))
        for label, steps in self.table.items():
            cells = ("ok" if steps.get(s) else "FAIL" if s in steps else "-" for s in STEPS)
            print(f"   {label:{width}}  " + "  ".join(f"{cell:{len(s)}}" for cell, s in zip(cells, STEPS)), flush=True)


def run(report, database):
    with Signet("authentik-client", database) as server:
        client = Client(server, report)
        crypto = authentik_client.CryptoApi(client.http)
        # A certificate of its own, so that making a pair from given texts can be tried; its texts come from the two views.
        pair = crypto.crypto_certificatekeypairs_generate_create({"common_name": "ac generated", "validity_days": 30, "alg": "ecdsa"})
        made = {
            "certificate": crypto.crypto_certificatekeypairs_view_certificate_retrieve(pair.pk).data,
            "key": crypto.crypto_certificatekeypairs_view_private_key_retrieve(pair.pk).data,
        }
        report.ok("certificate-key pair: generate and both views")
        try:
            crypto.crypto_certificatekeypairs_destroy(pair.pk)
            report.ok("certificate-key pair: the generated one is deleted")
        except authentik_client.exceptions.ApiException as error:
            report.fail("certificate-key pair: the generated one is deleted", short(str(error), 300))
        flows = {f.slug: f.pk for f in authentik_client.FlowsApi(client.http).flows_instances_list(page_size=100).results}
        report.ok(f"default flows: {len(flows)}")
        every = rows(flows)
        for row in every:
            client.grow(row, made)
        for what, api, name, arguments in VIEWS:
            client.view(what, api, name, arguments, made)
        actions(client, made)
        for row in reversed(every):
            client.end(row, made)
        client.print_table()


def actions(client, made):
    """What is done to an object beside changing it."""
    core = authentik_client.CoreApi(client.http)
    user, group = made["user"].pk, made["group"].pk
    for what, action in (
        ("set a password", lambda: core.core_users_set_password_create(user, {"password": "A-long-enough-passw0rd"})),
        ("set and view a token's key", lambda: core.core_tokens_set_key_create("ac-token", {"key": "ac-key-0123456789-0123456789-0123456789"})),
        ("view a token's key", lambda: core.core_tokens_view_key_retrieve("ac-token").key == "ac-key-0123456789-0123456789-0123456789" or 1 / 0),
        ("take a user out of a group", lambda: core.core_groups_remove_user_create(group, {"pk": user})),
        ("put a user into a group", lambda: core.core_groups_add_user_create(group, {"pk": user})),
    ):
        try:
            action()
            client.report.ok(what)
        except Exception as error:
            client.report.fail(what, f"{type(error).__name__}: {short(str(error), 900)}")
