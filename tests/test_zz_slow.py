from tests.test_sockets import *
def test_slowdiag(web, voice, yard, alice, monkeypatch):
    from main import live_flows, live_line
    log=[]
    orig=live_line.Line.look
    def look(self, now):
        orig(self, now)
        log.append((id(self)%10000, round(now,3), self.waiting, round(self.rate)))
    monkeypatch.setattr(live_line.Line,"look",look)
    voice.online(yard.pk)
    SiteSettings.objects.update_or_create(pk=1, defaults={"viewer_fps": 60})
    with web.socket(Cookie=cookie_of(alice)) as slow, web.socket(Cookie=cookie_of(alice)) as fast:
        for socket in (slow, fast):
            say(socket, {"watch": [{"camera": "yard"}]})
        wait_for(lambda: voice.watched(yard.pk), 5, "the subscription")
        t=time.monotonic()
        for n in range(40):
            at = voice.frame(yard.pk, DOT + b"\0" * 1_000_000)
            while picture(fast)[2] != at:
                pass
        print("took", time.monotonic()-t, "queue", len(slow.recv_messages.frames.queue) if hasattr(slow.recv_messages.frames,'queue') else slow.recv_messages.frames.qsize())
        time.sleep(0.5)
        print("queue", slow.recv_messages.frames.qsize())
        last = voice.frame(yard.pk, b"the newest")
        got = 0
        while picture(slow)[2] != last:
            got += 1
        print("GOT",got)
        k={l[0] for l in log}
        for i in k:
            print([l[1:] for l in log if l[0]==i][::12][:40])
