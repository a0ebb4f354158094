def merged(own, given):
    return {name: value for name, value in {**own, **(given or {})}.items() if value is not None}


class Session:
    def __init__(self):
        self.headers = {}
        self.params = {}
        self.cookies = {}
        self.auth = None
        self.verify = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return None

    def close(self):
        return None

    def request(self, method, url, **options):
        if self.headers or options.get("headers"):
            options["headers"] = merged(self.headers, options.get("headers"))
        if self.params:
            if not isinstance(options.get("params", {}), dict):
                raise TypeError("a session with params takes a dictionary of params")
            options["params"] = merged(self.params, options.get("params"))
        if self.cookies or options.get("cookies"):
            options["cookies"] = merged(self.cookies, options.get("cookies"))
        if self.auth is not None and options.get("auth") is None:
            options["auth"] = self.auth
        if not self.verify:
            options["verify"] = self.verify
        return requests.request(method, url, **options)

    def get(self, url, **options):
        return self.request("GET", url, **options)

    def options(self, url, **options):
        return self.request("OPTIONS", url, **options)

    def head(self, url, **options):
        return self.request("HEAD", url, **options)

    def post(self, url, data=None, json=None, **options):
        return self.request("POST", url, data=data, json=json, **options)

    def put(self, url, data=None, **options):
        return self.request("PUT", url, data=data, **options)

    def patch(self, url, data=None, **options):
        return self.request("PATCH", url, data=data, **options)

    def delete(self, url, **options):
        return self.request("DELETE", url, **options)


session = Session
