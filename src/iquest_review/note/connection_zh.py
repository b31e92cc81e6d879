"""Why a server gave no answer, in simplified Chinese. What servers say stays as it is."""

from iquest_review.reasons.connection import (
    AddressFlaw,
    AddressUnusable,
    AnswerTooLarge,
    BrokenBy,
    BrokeOff,
    CannotBeAsked,
    CertificateCure,
    CertificateRejected,
    ClientCertificateProblem,
    ConnectionProblem,
    NetworkProblem,
    NoAnswerInTime,
    NoTimeLeft,
    NotUnpacked,
    ProxyProblem,
    ProxyRefused,
    ProxyWantsPassword,
    ProxyWithoutTls,
    RootCause,
    ServerWithoutTls,
    ServerWithTls,
    TlsFailed,
    Unreachable,
)


def name_connection_problem(problem: ConnectionProblem) -> str:
    """Return why there was no answer."""
    if isinstance(problem, NetworkProblem):
        return _name_network_problem(problem)
    if isinstance(problem, ProxyProblem):
        return _name_proxy_problem(problem)
    match problem:
        case ServerWithoutTls(host, variable):
            return f"{host} 不使用 TLS：{variable} 应以 http:// 开头吗？"
        case ServerWithTls(host, variable):
            return f"{host} 使用 TLS：{variable} 应以 https:// 开头吗？"
        case CertificateRejected(host, said, variable, cure):
            return f"{host}：证书不被接受：{said}" + (f"（{_name_cure(cure, variable)}）" if cure else "")
        case ClientCertificateProblem():
            return _name_client_certificate_problem(problem)
        case TlsFailed(host, said):
            return f"{host}：TLS 握手失败：{said}"


def quote_said(said: str) -> str:
    """Return the words of a server, or that it said nothing."""
    return said or "没有说明原因"


def _name_network_problem(problem: NetworkProblem) -> str:
    match problem:
        case Unreachable(host, cause):
            return f"{host} 无法连接：{_name_root_cause(cause)}"
        case BrokeOff(host):
            return f"{host} 在回答中途断开了连接"
        case NotUnpacked(host):
            return f"{host} 的回答无法解压"
        case AnswerTooLarge(host, mebibytes):
            return f"{host} 的回答超过 {mebibytes} MiB"
        case NoAnswerInTime(host, seconds, again):
            wait = f"又等了 {seconds:.0f} 秒" if again else f"等了 {seconds:g} 秒（IQUEST_TIMEOUT）"
            return f"{host} 没有给出回答，{wait}"
        case NoTimeLeft(seconds, waited):
            last = "" if waited is None else f"最后 {waited:.0f} 秒内没有回答；"
            return f"{last}没有时间了：作业最多可用 {seconds:g} 秒（CI_JOB_TIMEOUT）"
        case CannotBeAsked(host, error, no_bundle):
            return f"无法向 {host} 提问：{error}" + ("：缺少 REQUESTS_CA_BUNDLE 指定的文件" if no_bundle else "")


def _name_root_cause(cause: RootCause) -> str:
    match cause.by:
        case None:
            return cause.detail  # the name of an error
        case BrokenBy.REFUSED:
            return "连接被拒绝"
        case BrokenBy.UNKNOWN_NAME | BrokenBy.NO_NODE:
            return "找不到这个主机名"
        case BrokenBy.NO_NAMES:
            return "域名解析暂时失败"
        case BrokenBy.TIME:
            return "超时"
        case BrokenBy.RESET:
            return "连接被对方重置"
        case BrokenBy.NO_ROUTE:
            return "没有到该主机的路由"
        case BrokenBy.NO_NETWORK:
            return "网络不可达"
        case BrokenBy.CLOSED:
            return "对方没有回答就关闭了连接"
        case BrokenBy.TLS_END:
            return "连接在 TLS 中途结束；服务器可能要求或拒绝 IQUEST_CLIENT_CERT"
        case BrokenBy.TUNNEL:
            return f"代理没有接通：{cause.detail}" if cause.detail else "代理没有接通"


def _name_proxy_problem(problem: ProxyProblem) -> str:
    match problem:
        case AddressUnusable(host, variable, flaw):
            return f"{host}：{variable} 无法使用：{_name_address_flaw(flaw)}"
        case ProxyRefused(host, status, said):
            return f"{host}：代理拒绝连接（{status}）：{quote_said(said)}"
        case ProxyWantsPassword(host, variable, password):
            what = "代理不接受其中的用户名和密码" if password else "代理要求用户名和密码，请写入其中"
            return f"{host}：{what}：{variable}（407）"
        case ProxyWithoutTls(host, variable):
            return f"{host}：代理不使用 TLS：{variable} 应以 http:// 开头吗？"


def _name_address_flaw(flaw: AddressFlaw) -> str:
    match flaw:
        case AddressFlaw.SOCKS:
            return "不支持 SOCKS 代理"
        case AddressFlaw.SCHEME:
            return "应以 http:// 开头"
        case AddressFlaw.UNREADABLE:
            return "主机或端口无法识别"
        case AddressFlaw.NO_HOST:
            return "其中没有主机名"


def _name_cure(cure: CertificateCure, variable: str) -> str:
    match cure:
        case CertificateCure.OWN_AUTHORITY:
            return "请把 IQUEST_CA_FILE 设为自己的证书颁发机构的文件"
        case CertificateCure.OTHER_NAME:
            return f"{variable} 必须使用证书中包含的主机名"
        case CertificateCure.NEW_CERTIFICATE:
            return "服务器需要新的证书"
        case CertificateCure.CLOCK:
            return "请检查本机的时钟"


def _name_client_certificate_problem(problem: ClientCertificateProblem) -> str:
    what = f"拒绝了客户端证书 {problem.certificate}" if problem.certificate else "要求提供客户端证书"
    server = "服务器" if problem.sure else "TLS 握手失败，服务器可能"
    cure = "" if problem.certificate else "（请把 IQUEST_CLIENT_CERT 设为证书文件）"
    return f"{problem.host}：{server}{what}：{problem.said}{cure}"
